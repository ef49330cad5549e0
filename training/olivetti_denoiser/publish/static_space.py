"""The files of the static Space: the built page, the networks as ONNX, figures and examples.

    python -m olivetti_denoiser.publish.static_space model_card space/browser/dist

The page is built by `make browser` (it needs Node); this puts beside it what Python makes.
`content.json` has the numbers that the page shares with this package, what visitors call its own
networks, its examples, and the list of all files, which the page keeps for visits without a
connection.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.images.gray_view import VIEW_SIDE
from olivetti_denoiser.inference import estimation_patches as noisy_tiles
from olivetti_denoiser.inference import letterbox as plain_frame
from olivetti_denoiser.inference import tiles
from olivetti_denoiser.inference.choose_network import RULE
from olivetti_denoiser.inference.estimate import COLOUR_QUANTILE, SMALL_SIDE
from olivetti_denoiser.metrics import PSNR_LIMIT
from olivetti_denoiser.release import (
    COLOUR,
    GRAY,
    METRICS,
    ONNX_FILES,
    PLOTS,
    gate_score,
    networks_of,
    read_metrics,
)

CONTENT = "content.json"
FOLDERS = {GRAY: "model", COLOUR: "colour"}  # of each network in the page
EXAMPLES = {"demo": ("face_", "drawn_"), "cleanUp": ("noisy_",)}  # by how their names begin
# The page's names of the numbers that it shares with this package.
SETTINGS = {
    "viewSide": VIEW_SIDE,
    "psnrLimit": PSNR_LIMIT,
    "levelQuantile": COLOUR_QUANTILE,
    "smallSide": SMALL_SIDE,
    "tileSide": tiles.TILE_SIDE,
    "margins": {GRAY: tiles.MARGINS[1], COLOUR: tiles.MARGINS[3]},
    "rule": RULE,
    "thinFrame": plain_frame.THIN,
    "block": noisy_tiles.BLOCK,
    "varied": noisy_tiles.VARIED,
    "filled": noisy_tiles.FILLED,
    "plainShare": noisy_tiles.PLAIN_SHARE,
    "smallestTile": noisy_tiles.SMALLEST,
    "mostTiles": noisy_tiles.MOST,
}
BUILT = ("index.html", "app.js", "worker.js", "runtime/ort.wasm.bin")


def built_page() -> Path:
    """Returns the folder of the built page.

    Raises:
        ValueError: it was not built.
    """
    folder = bundled("space") / "browser" / "dist"
    if missing := [name for name in BUILT if not (folder / name).is_file()]:
        raise ValueError(
            "the page for a static Space is not built: run `make browser`, which needs Node. "
            f"Received: {folder} without {missing[0]}"
        )
    return folder


def page_files(
    page: Path, networks: Mapping[str, Path], faces: Mapping[str, Path], work: Path
) -> dict[str, Path]:
    """Return every file that the page consists of, and where it lies.

    Args:
        page: the built page.
        networks: model folder of the gray network, whose figures and plots the page shows, and of
            the one for colour.
        faces: further examples by name, such as the test faces that a published Space shows.
        work: an empty folder for what has to be made.

    Raises:
        ValueError: a network lacks its ONNX files.
    """
    for folder in networks.values():
        if missing := [name for name in ONNX_FILES if not (folder / name).is_file()]:
            raise ValueError(
                f"the page needs {', '.join(missing)}: `denoiser export {folder}` writes them, "
                f"with Keras installed. Received: {folder}"
            )
    shown = (METRICS, *PLOTS)
    files = {
        path.relative_to(page).as_posix(): path
        for path in sorted(page.rglob("*"))
        if path.is_file() and path.relative_to(page).parts[0] in ("parts", "runtime", path.name)
    }
    files.pop(CONTENT, None)
    files |= {
        f"{FOLDERS[network]}/{Path(name).name}": folder / name
        for network, folder in networks.items()
        for name in ONNX_FILES
    }
    files |= {
        f"{FOLDERS[GRAY]}/{name}": networks[GRAY] / name
        for name in shown
        if (networks[GRAY] / name).is_file()
    }
    pictures = {path.name: path for path in (bundled("space") / "examples").glob("*.png")}
    pictures |= faces
    files |= {f"examples/{name}": pictures[name] for name in sorted(pictures)}
    work.mkdir(parents=True, exist_ok=True)
    (work / CONTENT).write_text(_content(files, networks), encoding="utf-8")
    return files | {CONTENT: work / CONTENT}


def _content(files, networks):
    examples = {
        tab: [
            path
            for start in beginnings
            for path in sorted(files)
            if path.startswith(f"examples/{start}")
        ]
        for tab, beginnings in EXAMPLES.items()
    }
    content = {
        "settings": SETTINGS,
        "builtIn": f"the built-in networks{_figure(networks[GRAY])}",
        "examples": examples,
        "files": sorted([*files, CONTENT]),
    }
    return json.dumps(content, indent=1) + "\n"


def _figure(folder):
    """Say what a network scores, or nothing where it has no figures."""
    figure = gate_score(read_metrics(folder)) if (folder / METRICS).is_file() else None
    return f", {figure.psnr:.2f} dB on {figure.pictures}" if figure else ""


def main(model_folder: str, target: str) -> None:
    """Put the networks, figures and examples beside the built page.

    Args:
        model_folder: a release; the bundled one has the network that it lacks.
        target: the folder of the built page.
    """
    page = Path(target)
    networks = networks_of(bundled("model_card")) | networks_of(model_folder)
    with tempfile.TemporaryDirectory() as work:
        for name, source in page_files(page, networks, {}, Path(work)).items():
            path = page / name
            if path != source:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, path)
    print(f"{page}/index.html is the page; any server of files can serve it")


if __name__ == "__main__":
    from olivetti_denoiser.streams import print_any_character

    print_any_character()
    main(*sys.argv[1:])
