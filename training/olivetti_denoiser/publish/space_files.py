"""The files of a Space: the app with what it runs, or the built page that needs no server."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser.bundled import PACKAGE, bundled
from olivetti_denoiser.release import CARD, PLACES, files_of

if TYPE_CHECKING:
    from datasets import DatasetDict

BUNDLE = "model_card"
SHOWN = ("*.json", "*.onnx", "*.png")  # what a Space serves and shows of a network
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


def gradio_files(
    networks: Mapping[str, Path], faces: Mapping[str, Path], names: Mapping[str, str], work: Path
) -> dict[str, Path]:
    """Return a Gradio Space's files: the app at the root, the code and the bundled networks beside.

    Args:
        networks: Model folder of each network.
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
        f"{BUNDLE}/{PLACES[network]}{path}": source
        for network, folder in networks.items()
        for path, source in files_of(folder).items()
        if any(fnmatch.fnmatch(path, pattern) for pattern in SHOWN)
    }
    files |= {f"examples/{name}": source for name, source in faces.items()}
    return files | {CARD: _space_card(space / CARD, names, work)}


def static_files(
    networks: Mapping[str, Path], faces: Mapping[str, Path], names: Mapping[str, str], work: Path
) -> dict[str, Path]:
    """Return a static Space's files: the built page with the networks, figures and examples.

    Args:
        networks: Model folder of each network.
        faces: Test faces that become examples, by file name.
        names: OWNER/NAME of each kind of repository.
        work: Where to write what has to be made.

    Raises:
        ValueError: the page is not built, or a network is none that it can run.
    """
    from olivetti_denoiser.publish.static_space import built_page, page_files

    files = page_files(built_page(), networks, faces, work / "page")
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
