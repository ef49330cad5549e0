"""The files of a Space: the app with what it runs, or the built page that needs no server."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser.bundled import PACKAGE, bundled
from olivetti_denoiser.publish.static_space import EXAMPLES, built_page, complete_page
from olivetti_denoiser.release import CARD, PLACES, Released, files_of

if TYPE_CHECKING:
    from datasets import DatasetDict

SHOWN = ("*.json", "*.onnx", "*.png")  # what a Space serves and shows of a network
GRADIO, STATIC = "gradio", "static"  # kinds of Spaces
BROWSER = "browser"  # the static Space's part of space/
EXAMPLE_FACES = 4
# Of the page and the package: what no Space of Gradio runs.
NOT_SOURCE = shutil.ignore_patterns(".*", "__pycache__", BROWSER, "bundled")


def write_space(
    sdk: str,
    networks: Mapping[str, Released],
    split: DatasetDict,
    names: Mapping[str, str],
    folder: Path,
) -> None:
    """Write the files of a Space.

    Args:
        sdk: "gradio" or "static".
        networks: The networks that it serves where the Hub does not answer.
        split: Its first test faces become examples.
        names: OWNER/NAME of each kind of repository.
        folder: Where to write, an empty folder.

    Raises:
        ValueError: The page of a static Space is not built.
    """
    from huggingface_hub import SpaceCard

    source = bundled("space")
    (folder / EXAMPLES).mkdir()
    for row in split["test"].select(range(EXAMPLE_FACES)):
        row["clean"].save(folder / EXAMPLES / f"face_{row['face_id']:03d}.png")
    if sdk == STATIC:
        shutil.copytree(built_page(), folder, dirs_exist_ok=True)
        complete_page(folder, networks)
        source /= BROWSER
    else:
        shutil.copytree(source, folder, ignore=NOT_SOURCE, dirs_exist_ok=True)
        shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=NOT_SOURCE)
        for name, network in networks.items():
            copy_network(network.folder, folder / "model_card" / PLACES[name], SHOWN)
    card = SpaceCard.load(source / CARD)
    card.data["models"] = [names["model"]]
    if "dataset" in names:
        card.data["datasets"] = [names["dataset"]]
    card.save(folder / CARD)


def copy_network(source: Path, target: Path, patterns: tuple[str, ...] = ("*",)) -> None:
    """Copy the released files of a model folder whose names match."""
    for path, file in files_of(source).items():
        if any(file.match(pattern) for pattern in patterns):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / path)
