"""The notebook: clean in git, and run whole on the real faces."""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import io
import json
import re
import sys

import nbformat
import pytest
from PIL import Image

from checkout import ROOT

NOTEBOOK = ROOT / "training" / "denoising_autoencoder.ipynb"
SHORT = {"epochs": 2, "steps_per_epoch": 40, "channels": [8, 16], "blocks": [1, 1]}
PLOTS = ("loss_curves.png", "psnr_vs_sigma.png", "comparison.png", "error_map.png")


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_committed_without_outputs_and_defines_nothing(notebook):
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert cell.outputs == [] and cell.execution_count is None
        assert not re.search(r"^\s*(def|class) ", cell.source, re.M)
    badge = "colab.research.google.com/github/OWNER/olivetti-denoiser/blob/main/training"
    for text in (notebook.cells[0].source, (ROOT / "README.md").read_text()):
        assert f"{badge}/{NOTEBOOK.name}" in text


@pytest.mark.parametrize("installed", ["1.0", "2.0"])
def test_on_colab_it_asks_for_a_restart_where_an_imported_package_is_replaced(
    notebook, monkeypatch, installed
):
    """The first cell without its commands; pip replaces Pillow, or leaves it."""
    versions = {"pillow": "1.0"}
    monkeypatch.setitem(sys.modules, "google.colab", contextlib)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: {"PIL": ["pillow"]})
    monkeypatch.setattr(importlib.metadata, "version", versions.get)
    source = re.sub(r"^( *)%pip .*", r"\1pip()", code_cells(notebook)[0].source, flags=re.M)
    source = re.sub(r"^ *[!%].*", "", source, flags=re.M)
    asked = pytest.raises(SystemExit, match=r"session: pillow\. Choose Runtime → Restart")
    with contextlib.nullcontext() if installed == versions["pillow"] else asked:
        exec(source, {"pip": lambda: versions.update(pillow=installed)})  # noqa: S102


def test_it_runs_whole_and_shows_its_pictures_and_figures(notebook, faces, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    monkeypatch.setenv("NOTEBOOK_OPTIONS", json.dumps(SHORT))
    monkeypatch.setenv("NOTEBOOK_FOLDER", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "training"))
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]

    def shown(kind):
        return [output.data[kind] for output in outputs if kind in output.get("data", {})]

    pictures = [Image.open(io.BytesIO(base64.b64decode(data))) for data in shown("image/png")]
    assert len(pictures) == 2 + len(PLOTS)
    for picture in pictures:
        assert min(picture.size) > 200
        assert len(picture.convert("L").getcolors(256)) > 20, "a blank picture"
    for name in (*PLOTS, *(f"model/{plot}" for plot in PLOTS)):
        assert (tmp_path / name).is_file()
    said = [output.text for output in outputs if output.output_type == "stream"]
    assert any("Epoch 2/2" in text for text in said), "no progress is shown"
    assert "Dry run: nothing was touched." in said[-1]

    metrics = json.loads((tmp_path / "model/metrics.json").read_text())
    text = "\n".join(shown("text/markdown"))
    for part in ("train", "test"):
        assert f"**{metrics['parts'][part]['methods']['model']['mse']['mean']:.6f}**" in text
    assert "The noisy faces have a PSNR of 20.03 dB." in text
    assert "nan" not in text.split()
