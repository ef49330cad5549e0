"""The files of the static Space: the built page, the network as ONNX, its figures and examples.

    python -m olivetti_denoiser.publish.static_space model_card space/browser/dist

The page is built by `make browser` (it needs Node); this puts beside it what Python makes.
`content.json` has the numbers that the page shares with this package, its examples, and the list of
all files, which the page keeps for visits without a network.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from olivetti_denoiser import noisy_tiles, plain_frame, tiles
from olivetti_denoiser.bundled import bundled, colour_model
from olivetti_denoiser.gray_view import VIEW_SIDE
from olivetti_denoiser.inference import LEVEL_QUANTILE
from olivetti_denoiser.metrics import PSNR_LIMIT
from olivetti_denoiser.model_folder import METRICS, PLOTS, missing_files
from olivetti_denoiser.publish.onnx_export import ESTIMATOR, RESTORER, check_onnx, write_onnx

CONTENT = "content.json"
NETWORK, COLOUR = "model", "colour"
EXAMPLES = {"demo": ("face_", "drawn_"), "cleanUp": ("noisy_",)}  # by how their names begin
# The page's names of the numbers that it shares with this package.
SETTINGS = {
    "viewSide": VIEW_SIDE,
    "psnrLimit": PSNR_LIMIT,
    "levelQuantile": LEVEL_QUANTILE,
    "tileSides": tiles.TILE_SIDES,
    "margin": tiles.MARGIN,
    "colourMargin": tiles.COLOUR_MARGIN,
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
    page: Path, model_folder: Path, onnx: Path, faces: Mapping[str, Path], work: Path
) -> dict[str, Path]:
    """Returns every file that the page consists of, and where it lies.

    Args:
        page: the built page.
        model_folder: the model folder whose figures and plots the page shows.
        onnx: the folder with that model's ONNX files, see `write_onnx`.
        faces: further examples by name, such as the test faces that a published Space shows.
        work: an empty folder for what has to be made.

    Raises:
        ValueError: the model has no estimator, or the bundled colour network fails its check.
    """
    if not (onnx / ESTIMATOR).is_file():
        raise ValueError(
            "the page needs a model that estimates the noise level. "
            f"Received: {model_folder} without an estimator"
        )
    shown = (METRICS, *PLOTS)
    files = {
        path.relative_to(page).as_posix(): path
        for path in sorted(page.rglob("*"))
        if path.is_file() and path.relative_to(page).parts[0] in ("parts", "runtime", path.name)
    }
    files.pop(CONTENT, None)
    files |= {f"{NETWORK}/{name}": onnx / name for name in (ESTIMATOR, RESTORER)}
    files |= {
        f"{NETWORK}/{name}": model_folder / name
        for name in shown
        if (model_folder / name).is_file()
    }
    files |= _colour_network(work)
    pictures = {path.name: path for path in (bundled("space") / "examples").glob("*.png")}
    pictures |= faces
    files |= {f"examples/{name}": pictures[name] for name in sorted(pictures)}
    work.mkdir(parents=True, exist_ok=True)
    (work / CONTENT).write_text(_content(files), encoding="utf-8")
    return files | {CONTENT: work / CONTENT}


def _colour_network(work):
    """The bundled colour network as ONNX, where there is one."""
    from olivetti_denoiser.denoiser import load_folder

    folder = colour_model()
    if folder is None or missing_files(folder):
        return {}
    model = load_folder(folder)
    write_onnx(model, work / COLOUR)
    check_onnx(model, work / COLOUR)
    return {f"{COLOUR}/{name}": work / COLOUR / name for name in (ESTIMATOR, RESTORER)}


def _content(files):
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
        "settings": SETTINGS | {"colour": f"{COLOUR}/{RESTORER}" in files},
        "examples": examples,
        "files": sorted([*files, CONTENT]),
    }
    return json.dumps(content, indent=1) + "\n"


def main(model_folder: str, target: str) -> None:
    """Puts a model folder's network, figures and examples beside the built page in `target`."""
    from olivetti_denoiser.denoiser import load_folder

    page = Path(target)
    model = load_folder(Path(model_folder))
    with tempfile.TemporaryDirectory() as work:
        onnx = Path(work) / "onnx"
        write_onnx(model, onnx)
        check_onnx(model, onnx)
        for name, source in page_files(
            page, Path(model_folder), onnx, {}, Path(work) / "page"
        ).items():
            path = page / name
            if path != source:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, path)
    print(f"{page}/index.html is the page; any server of files can serve it")


if __name__ == "__main__":
    main(*sys.argv[1:])
