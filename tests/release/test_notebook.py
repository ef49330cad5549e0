"""The notebook: clean in git, and run whole on the real faces."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys

import nbformat
import pytest

from checkout import ROOT

NOTEBOOK = ROOT / "training" / "denoising_autoencoder.ipynb"
SHORT = {"epochs": 2, "steps_per_epoch": 40, "channels": [8, 16], "blocks": [1, 1]}
PLOTS = ("loss_curves.png", "psnr_vs_sigma.png", "comparison.png", "error_map.png")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_committed_without_outputs_and_defines_nothing():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert cell.outputs == [] and cell.execution_count is None
        assert not re.search(r"^\s*(def|class) ", cell.source, re.M)
    assert "google.colab" in code_cells(notebook)[0].source
    badge = "colab.research.google.com/github/OWNER/olivetti-denoiser/blob/main/training"
    assert f"{badge}/{NOTEBOOK.name}" in notebook.cells[0].source
    assert f"{badge}/{NOTEBOOK.name}" in (ROOT / "README.md").read_text()


COLAB = """
import sys, types
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell

site, cell, installs = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "installs"
sys.path.insert(0, str(site))
sys.modules["google.colab"] = types.ModuleType("google.colab")
import arrow_of_colab
shell = InteractiveShell.instance()
shell.system = shell.system_piped = shell.system_raw = lambda command: None
shell.register_magic_function(lambda line: None, magic_name="cd")

def pip(line):
    if installs:
        (site / "arrow_of_colab-1.0.dist-info").rename(site / "arrow_of_colab-2.0.dist-info")
        (site / "arrow_of_colab-2.0.dist-info" / "METADATA").write_text(METADATA.format("2.0"))

METADATA = "Metadata-Version: 2.1\\nName: arrow-of-colab\\nVersion: {}\\n"
shell.register_magic_function(pip, magic_name="pip")
shell.run_cell(cell)
"""


@pytest.mark.parametrize("case", ["installs", "keeps"])
def test_on_colab_it_asks_for_a_restart_where_an_imported_package_is_replaced(tmp_path, case):
    """Pip is played by a command that replaces one package, or none."""
    (tmp_path / "arrow_of_colab.py").touch()
    known = tmp_path / "arrow_of_colab-1.0.dist-info"
    known.mkdir()
    text = "Metadata-Version: 2.1\nName: arrow-of-colab\nVersion: 1.0\n"
    (known / "METADATA").write_text(text)
    (known / "top_level.txt").write_text("arrow_of_colab\n")
    cell = code_cells(nbformat.read(NOTEBOOK, as_version=4))[0].source
    command = [sys.executable, "-c", COLAB, tmp_path, cell, case]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    said = "Installed anew under the running session: arrow-of-colab. Choose Runtime → Restart"
    assert (said in done.stdout + done.stderr) == (case == "installs"), done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory):
    """The executed notebook, and the folder that it wrote."""
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTEBOOK_OPTIONS", json.dumps(SHORT))
        patch.setenv("NOTEBOOK_FOLDER", str(folder))
        patch.setenv("PYTHONPATH", str(ROOT / "training"))
        patch.setenv("KERAS_BACKEND", "tensorflow")
        client = NotebookClient(
            notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
        )
        client.execute()
    (folder / "executed.ipynb").write_text(nbformat.writes(notebook))
    return notebook, folder


def outputs(notebook, kind):
    """Every output of a kind, as the notebook shows it."""
    return [
        output.data[kind]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if kind in output.get("data", {})
    ]


def test_it_runs_whole_and_shows_its_pictures_and_figures(run):
    from PIL import Image

    notebook, folder = run
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(data))) for data in outputs(notebook, "image/png")
    ]
    assert len(pictures) == 2 + len(PLOTS)
    for picture in pictures:
        assert min(picture.size) > 200
        assert len(picture.convert("L").getcolors(256)) > 20, "a blank picture"
    for name in (*PLOTS, *(f"model/{plot}" for plot in PLOTS)):
        assert (folder / name).is_file()
    streams = [
        output.text
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream"
    ]
    assert any("Epoch 2/2" in text for text in streams), "no progress is shown"
    assert "Dry run: nothing was touched." in streams[-1]

    metrics = json.loads((folder / "model/metrics.json").read_text())
    text = "\n".join(outputs(notebook, "text/markdown"))
    for part in ("train", "test"):
        assert f"**{metrics['parts'][part]['methods']['model']['mse']['mean']:.6f}**" in text
    assert "The noisy faces have a PSNR of 20.03 dB." in text
    assert "nan" not in text.split()
