"""The README is true: its figures, its links, its commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) \(([\d.]+) – ([\d.]+)\) \| ([\d.]+) \|$", re.M)


def test_the_scores_are_those_of_the_released_model():
    from olivetti_denoiser.figures import read_metrics, rows

    measured = rows(read_metrics(ROOT / "model_card")["parts"]["test"])
    shown = {name.strip("*"): figures for name, *figures in ROW.findall(README)}
    measured = {name.split(" (")[0]: row for name, row in measured.items()}  # "DnCNN (σ = …)"
    ours = set(measured)
    assert {"noisy", "model"} <= shown.keys() & ours
    for name in shown.keys() & ours:
        row = measured[name]
        psnr = row["psnr"]
        assert shown[name] == [
            f"{row['mse']['mean']:.6f}",
            *(f"{psnr[part]:.2f}" for part in ("mean", "low", "high")),
            f"{row['ssim']['mean']:.3f}",
        ]
    assert shown.keys() - ours <= {"BM3D", "FFDNet", "DnCNN"}


def test_every_file_that_it_links_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    for link in links:
        if not link.startswith(("http://", "https://")):
            assert (ROOT / link).exists(), link


def test_every_folder_of_its_table_exists():
    for folder in re.findall(r"^\| `(\w+)/` \|", README, re.M):
        assert (ROOT / folder).is_dir()


def test_every_command_is_understood():
    from olivetti_denoiser.cli.main import build_parser

    commands = re.findall(r"^\$ denoiser ((?:.*\\\n)*.*?)(?:\s+#.*)?$", README, re.M)
    assert len(commands) >= 5
    for command in commands:
        arguments = shlex.split(command.replace("\\\n", " "), comments=True)
        try:
            build_parser().parse_args(arguments)
        except SystemExit as stop:
            pytest.fail(f"denoiser {command}: exit code {stop.code}")


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
