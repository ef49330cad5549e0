"""The files of a Space: the app with what it runs, or the built page that needs no server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser.bundled import PACKAGE, bundled, colour_model
from olivetti_denoiser.model_folder import CARD, LEGACY_MODEL, RELEASED, is_released
from olivetti_denoiser.publish import onnx_export

if TYPE_CHECKING:
    from datasets import DatasetDict

BUNDLE, COLOUR = "model_card", "colour"
GRADIO, STATIC, AUTO = "gradio", "static", "auto"  # kinds of Spaces
BROWSER = "browser"  # the static Space's part of space/
EXAMPLE_FACES = 4


def example_faces(split: DatasetDict, work: Path) -> dict[str, Path]:
    """Write the first test faces, which a Space shows as examples; return them by file name."""
    work.mkdir(parents=True)
    faces = {}
    for row in split["test"].select(range(EXAMPLE_FACES)):
        name = f"face_{row['face_id']:03d}.png"
        faces[name] = work / name
        row["clean"].save(faces[name])
    return faces


def stage_space(
    model_files: Mapping[str, Path], faces: Mapping[str, Path], names: Mapping[str, str], work: Path
) -> dict[str, Path]:
    """Return a Gradio Space's files: the app at the root, the code and the bundled model beside it.

    Args:
        model_files: The model repository's files.
        faces: Test faces that become examples, by file name.
        names: OWNER/NAME of each kind of repository.
        work: Where to write what has to be made.

    Raises:
        ValueError: the Space's folder is missing, or its card and its requirements disagree.
    """
    space = bundled("space")
    check_space_versions(space)
    files = {
        path.relative_to(space).as_posix(): path
        for path in _source_files(space)
        if path.relative_to(space).parts[0] != BROWSER
    }
    files |= {
        f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}": path
        for path in _source_files(PACKAGE)
        if path.relative_to(PACKAGE).parts[0] != "bundled"
    }
    files |= {
        f"{BUNDLE}/{path}": source
        for path, source in model_files.items()
        if path != LEGACY_MODEL and not path.startswith(f"{onnx_export.FOLDER}/")
    }
    colour = colour_model()
    if colour is not None and is_released(colour):
        files |= {
            f"{BUNDLE}/{COLOUR}/{path.relative_to(colour).as_posix()}": path
            for path in _source_files(colour)
            if path.relative_to(colour).parts[0] in RELEASED
        }
    files |= {f"examples/{name}": source for name, source in faces.items()}
    return files | {CARD: _space_card(space / CARD, names, work)}


def stage_static_space(
    folder: Path,
    model_files: Mapping[str, Path],
    faces: Mapping[str, Path],
    names: Mapping[str, str],
    work: Path,
) -> dict[str, Path]:
    """Return a static Space's files: the built page with the network, its figures and examples.

    Args:
        folder: The model folder.
        model_files: The model repository's files.
        faces: Test faces that become examples, by file name.
        names: OWNER/NAME of each kind of repository.
        work: Where to write what has to be made.

    Raises:
        ValueError: the page is not built, or the model is none that it can run.
    """
    from olivetti_denoiser.publish.static_space import built_page, page_files

    onnx = model_files[f"{onnx_export.FOLDER}/{onnx_export.MODEL}"].parent
    files = page_files(built_page(), folder, onnx, faces, work / "page")
    return files | {CARD: _space_card(bundled("space") / BROWSER / CARD, names, work)}


def _space_card(card: Path, names: Mapping[str, str], work: Path) -> Path:
    """Write a Space's card with the repositories in it that the Space shows."""
    from huggingface_hub import SpaceCard

    shown = SpaceCard.load(card)
    shown.data["models"] = [names["model"]]
    if "dataset" in names:
        shown.data["datasets"] = [names["dataset"]]
    work.mkdir(parents=True, exist_ok=True)
    shown.save(work / CARD)
    return work / CARD


def _source_files(folder: Path) -> list[Path]:
    """Return the files below a folder, without hidden and compiled ones."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(
            part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts
        )
    ]


def check_space_versions(folder: Path) -> str:
    """Return the version of gradio that a Space's card and requirements agree on.

    Raises:
        ValueError: they differ, or the requirements pin none.
    """
    from huggingface_hub import SpaceCard

    asked = str(SpaceCard.load(folder / CARD).data.to_dict().get("sdk_version"))
    requirements = (folder / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^gradio(?:\[[^\]]*\])?==([\w.]+)", requirements, re.MULTILINE)
    if pinned is None or pinned[1] != asked:
        raise ValueError(
            f"sdk_version in the Space's {CARD} must be the gradio that requirements.txt pins. "
            f"Received: sdk_version={asked}, gradio=={pinned[1] if pinned else 'no pin'}"
        )
    return asked
