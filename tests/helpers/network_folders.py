"""Model folders of tiny networks with everything that a release holds, to be published in tests.

python tests/helpers/network_folders.py FOLDER     # both networks, the second in colour/
>>> make_network(tmp_path / "new", "colour", psnr=30.5)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLANES = {"gray": 1, "colour": 3}
COPIED = ("training", "space", "tests")


def make_network(
    folder: Path,
    network: str = "gray",
    *,
    psnr: float = 29.5,
    seed: int = 0,
    checksum: str | None = None,
) -> Path:
    """Write the model folder of one network; what it scores is the given PSNR."""
    import keras
    from PIL import Image

    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.network.export import write_exports
    from olivetti_denoiser.network.saving import save_folder
    from olivetti_denoiser.network.unet import residual_unet
    from olivetti_denoiser.publish.card import render_card
    from olivetti_denoiser.release import PLOTS, REAL

    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    model = residual_unet(channels=(4, 8), blocks=(1, 1), planes=PLANES[network])
    save_folder(model, folder)
    date(folder)
    write_exports(model, folder)
    figures = _figures(network, psnr, checksum) | {
        "parameters": model.count_params(),
        "versions": {"keras": keras.__version__},
    }
    (folder / "metrics.json").write_text(json.dumps(figures))
    config = TrainingConfig(seed=seed, planes=PLANES[network], mirror=False)
    (folder / "training_config.json").write_text(config.to_json())
    (folder / "history.csv").write_text(f"epoch,loss\n{seed},0.1\n")
    (folder / "template.md").write_text("not published")
    (folder / "runs" / "train").mkdir(parents=True)
    (folder / "runs" / "train" / "events.out.tfevents.1").write_bytes(b"\0events %d" % seed)
    for name in (*PLOTS, *((REAL,) if network == "colour" else ())):
        Image.new("L", (4, 4), seed).save(folder / name)
    (folder / "README.md").write_text(render_card(folder), encoding="utf-8")
    return folder


def date(folder: Path) -> None:
    """Give Keras's files one date, so that the same network is the same bytes."""
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"date_saved": "2026-01-01@00:00:00"}))


def make_release(folder: Path, network: str = "both", **made) -> Path:
    """Write both networks, the one for colour in `colour/`."""
    make_network(folder, "gray", **made)
    make_network(folder / "colour", "colour", **made)
    return folder


def copy_with_small_networks(folder: Path) -> Path:
    """Copy the code, which stays the same while somebody edits it, with tiny bundled networks."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "dist")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    subprocess.run(
        [sys.executable, __file__, folder / "model_card"],
        env={**os.environ, "PYTHONPATH": str(folder / "training")},
        check=True,
    )
    return folder


def _figures(network, psnr, checksum):
    """What `metrics.json` holds, as far as gate, cards and pages look at it."""
    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM
    from olivetti_denoiser.release import GATE_LEVEL, STANDING_SET

    row = {
        name: {"mean": value, "low": value * 0.9, "high": value * 1.1}
        for name, value in (("psnr", psnr), ("ssim", 0.8), ("mse", 10 ** (-psnr / 10)))
    }
    levels = {"noisy": {GATE_LEVEL: 20.0}, "model": {GATE_LEVEL: psnr}}
    in_colour = {
        "count": 6,
        "crop": None,
        "checksum": "c" * 64,
        "psnr": {"methods": levels, "variants": {}},
        "seconds": {"methods": {}, "variants": {}},
    }
    return {
        "sigma": 0.1,
        "split_checksum": checksum or SPLIT_CHECKSUM,
        "planes": PLANES[network],
        "parts": {
            part: {"count": 20, "methods": {"noisy": row, "model": row}, "variants": {}}
            for part in ("test", "train")
        },
        "seconds": {"methods": {}, "variants": {}},
        "sigmas": {"methods": {"noisy": {"0.1": 20.0}, "model": {"0.1": psnr}}, "variants": {}},
        "faces": [{"face_id": number, "psnr": psnr} for number in range(20)],
        "training": {
            "learned_faces": 72,
            "stride": 2,
            "epochs": 2,
            "seconds": 60,
            "cores": 2,
            "best_epoch": 1,
        },
        **({"colour": {STANDING_SET: in_colour}} if network == "colour" else {}),
    }


if __name__ == "__main__":
    make_release(Path(sys.argv[1]), psnr=28.5)
