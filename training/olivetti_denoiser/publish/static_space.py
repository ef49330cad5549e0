"""The files of the static Space: the built page, the networks as ONNX, metrics and examples.

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
from collections.abc import Mapping
from pathlib import Path

from olivetti_denoiser import release
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.images.gray_view import VIEW_SIDE
from olivetti_denoiser.inference import estimation_patches, letterbox, tiles
from olivetti_denoiser.inference.choose_network import RULE
from olivetti_denoiser.inference.estimate import COLOUR_QUANTILE, SMALL_SIDE
from olivetti_denoiser.metrics import PSNR_LIMIT
from olivetti_denoiser.release import COLOUR, GRAY, Released, gate_score, networks_of

CONTENT = "content.json"
FOLDERS = {GRAY: "model", COLOUR: "colour"}  # of each network in the page
EXAMPLES = "examples"  # the folder of pictures
# The examples of each tab, by how their paths begin.
SHOWN = {"demo": ("examples/face_", "examples/drawn_"), "cleanUp": ("examples/noisy_",)}
# The page's names of the numbers that it shares with this package.
SETTINGS = {
    "viewSide": VIEW_SIDE,
    "psnrLimit": PSNR_LIMIT,
    "sigmaQuantile": COLOUR_QUANTILE,
    "smallSide": SMALL_SIDE,
    "tileSide": tiles.TILE_SIDE,
    "margins": {GRAY: tiles.MARGINS[1], COLOUR: tiles.MARGINS[3]},
    "rule": RULE,
    "thinBorder": letterbox.THIN,
    "block": estimation_patches.BLOCK,
    "varied": estimation_patches.VARIED,
    "filled": estimation_patches.FILLED,
    "plainShare": estimation_patches.PLAIN_SHARE,
    "smallestPatch": estimation_patches.SMALLEST,
    "mostPatches": estimation_patches.MOST,
}
BUILT = ("index.html", "app.js", "worker.js", "runtime/ort.wasm.bin")


def built_page() -> Path:
    """Return the folder of the built page.

    Raises:
        ValueError: It was not built.
    """
    folder = bundled("space") / "browser" / "dist"
    if missing := [name for name in BUILT if not (folder / name).is_file()]:
        raise ValueError(
            "the page for a static Space is not built: run `make browser`, which needs Node. "
            f"Received: {folder} without {missing[0]}"
        )
    return folder


def complete_page(folder: Path, networks: Mapping[str, Released]) -> None:
    """Put what Python makes for the built page beside it.

    Args:
        folder: The built page; it may hold further examples.
        networks: The gray network, whose metrics and plots the page shows, and the one for colour.
    """
    (folder / EXAMPLES).mkdir(exist_ok=True)
    for path in (bundled("space") / EXAMPLES).glob("*.png"):
        shutil.copy(path, folder / EXAMPLES)
    for name, network in networks.items():
        (folder / FOLDERS[name]).mkdir(exist_ok=True)
        shown = (release.METRICS, *release.PLOTS) if name == GRAY else ()
        for path in (network.folder / file for file in (*release.ONNX_FILES, *shown)):
            if path.is_file():
                shutil.copy(path, folder / FOLDERS[name])
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    content = {
        "settings": SETTINGS,
        "builtIn": f"the built-in networks{_score(networks[GRAY].metrics)}",
        "examples": {
            tab: [path for start in starts for path in sorted(files) if path.startswith(start)]
            for tab, starts in SHOWN.items()
        },
        "files": sorted({*files, CONTENT}),
    }
    (folder / CONTENT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _score(metrics):
    """Say what a network scores, or nothing where its metrics do not."""
    score = gate_score(metrics)
    return f", {score.psnr:.2f} dB on {score.pictures}" if score else ""


def main(model_folder: str, target: str) -> None:
    """Put the networks, metrics and examples beside the built page.

    Args:
        model_folder: A release; the bundled one has the network that it lacks.
        target: The folder of the built page.
    """
    networks = networks_of(bundled("model_card")) | networks_of(model_folder)
    complete_page(Path(target), networks)
    print(f"{target}/index.html is the page; any server of files can serve it")


if __name__ == "__main__":
    from olivetti_denoiser.streams import print_any_character

    print_any_character()
    main(*sys.argv[1:])
