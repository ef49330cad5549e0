"""The About tab: what the model is, how good it is, and where its limits are."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from olivetti_denoiser.evaluate.tables import scores
from olivetti_denoiser.release import COMPARISON, CURVES, ERRORS, LEVELS
from page import limits, outputs
from page.serving import Served
from page.texts import table
from page.trials import NETWORK

NAMES = {"noisy": "Noisy", "model": NETWORK}
PLOTS = {
    CURVES: "Training and validation loss",
    COMPARISON: "Noisy, reconstructed and original test faces",
    LEVELS: "PSNR against the noise level",
    ERRORS: "Where the errors sit",
}
ABOUT = Path(__file__).with_name("about.md")


def about_tab(served: Served) -> None:
    """Add the tab's contents."""
    gr.Markdown(f"## How good it is\n\n{_table(served.gray)}", elem_classes="figures")
    folder = served.gray and served.gray.folder
    plots = {title: folder / name for name, title in PLOTS.items()} if folder else {}
    with gr.Row():
        for title, path in plots.items():
            if path.is_file():
                outputs.shown_picture(title, str(path), "plot", min_width=480)
    name = served.repository or "OWNER/olivetti-denoiser"
    gr.Markdown(ABOUT.read_text(encoding="utf-8").format(name=name, limits=limits))


def _table(gray):
    """Return the gray network's own metrics as a table, where it has some of the test faces."""
    try:
        test = gray.metrics["parts"]["test"]
        about = f"Means over the {test['count']} test faces at σ = {gray.metrics['sigma']:g}"
        found = {row["method"]: row for row in scores(gray.metrics, "test")}
        best_first = sorted(
            test["methods"], key=lambda name: -test["methods"][name]["psnr"]["mean"]
        )
        rows = [  # of which a phone has room for these
            {" ": NAMES.get(name, name)}
            | {measure: found[name][measure] for measure in ("PSNR, dB", "SSIM", "MSE")}
            for name in best_first
        ]
        return f"{about}, PSNR with its 95 % interval.\n\n{table(rows)}"
    except (AttributeError, KeyError, TypeError):
        return "The gray network that serves now came without metrics."
