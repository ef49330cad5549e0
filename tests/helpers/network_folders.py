"""Releases to publish in tests: the released networks with other metrics.

>>> make_release(tmp_path / "new", "colour", psnr=30.5)
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from olivetti_denoiser.release import COLOUR, EVENTS, GATE_LEVEL, GRAY, STANDING_SET

MODEL = Path(__file__).resolve().parents[2] / "model_card"
BOTH = "both"


def make_release(
    folder: Path, network: str = BOTH, *, psnr: float = 29.5, checksum: str | None = None
) -> Path:
    """Write a folder of one network or both, whose gate score and history are those of `psnr`.

    Args:
        folder: A new folder.
        network: "gray", "colour" or "both".
        psnr: The gate's score in dB.
        checksum: Of the split that it was measured on, where it is another.
    """
    left_out = [EVENTS, *([COLOUR] if network == GRAY else [])]  # events are many small files
    source = MODEL / COLOUR if network == COLOUR else MODEL
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*left_out))
    for path in folder.rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"] = psnr
        if metrics["planes"] == 3:
            metrics["colour"][STANDING_SET]["psnr"]["methods"]["model"][GATE_LEVEL] = psnr
        if checksum:
            metrics["split_checksum"] = checksum
        path.write_text(json.dumps(metrics))
        path.with_name("history.csv").write_text(f"epoch,loss\n1,{psnr}\n")
    return folder
