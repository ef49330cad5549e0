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
EXAMPLES = {"demo": ("face_", "drawn_"), "cleanUp": ("noisy_",)}  # by how their names begin
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


def write_page(
    page: Path, target: Path, networks: Mapping[str, Released], faces: Mapping[str, Path]
) -> None:
    """Put the built page and what Python makes for it into a folder.

    Args:
        page: The built page.
        target: Where to write; may be the built page itself.
        networks: The gray network, whose metrics and plots the page shows, and the one for colour.
        faces: Further examples by name, such as the test faces that a published Space shows.
    """
    files = {
        path.relative_to(page).as_posix(): path
        for path in sorted(page.rglob("*"))
        if path.is_file() and path.relative_to(page).parts[0] in ("parts", "runtime", path.name)
    }
    for name, network in networks.items():
        shown = (release.METRICS, *release.PLOTS) if name == GRAY else ()
        there = [path for path in shown if (network.folder / path).is_file()]
        for path in (*release.ONNX_FILES, *there):
            files[f"{FOLDERS[name]}/{Path(path).name}"] = network.folder / path
    pictures = {path.name: path for path in (bundled("space") / "examples").glob("*.png")}
    pictures.update(faces)
    files |= {f"examples/{name}": pictures[name] for name in sorted(pictures)}
    files.pop(CONTENT, None)
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source != target / name:
            shutil.copyfile(source, target / name)
    content = {
        "settings": SETTINGS,
        "builtIn": f"the built-in networks{_score(networks[GRAY].metrics)}",
        "examples": {tab: _examples(files, starts) for tab, starts in EXAMPLES.items()},
        "files": sorted([*files, CONTENT]),
    }
    (target / CONTENT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _examples(files, starts):
    """Return the examples whose names begin so, in the order of the beginnings."""
    names = [f"examples/{start}" for start in starts]
    return [path for name in names for path in sorted(files) if path.startswith(name)]


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
    write_page(Path(target), Path(target), networks, {})
    print(f"{target}/index.html is the page; any server of files can serve it")


if __name__ == "__main__":
    from olivetti_denoiser.streams import print_any_character

    print_any_character()
    main(*sys.argv[1:])
