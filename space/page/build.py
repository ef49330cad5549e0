"""The page put together and served; a new tab is a function called in `build`.

    >>> from page.build import build, launch         # inside `own_folder` of app.py
    >>> launch(build(served))

`app.py` chooses the folder for Gradio's files before it imports this module, and so Gradio.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from page import limits
from page.gradio_gaps import Page, give_mcp_clients_every_output
from page.serving import Served
from page.tabs.about import about_tab
from page.tabs.clean_up import clean_up_tab
from page.tabs.compare import compare_tab
from page.tabs.demo import demo_tab
from page.uploads import MAX_BYTES

HERE = Path(__file__).resolve().parent


def build(served: Served) -> gr.Blocks:
    """Build the page around the networks that serve."""
    deleted = (600, 60 * limits.KEPT_MINUTES)
    with Page(title="Olivetti denoiser", analytics_enabled=False, delete_cache=deleted) as page:
        gr.Markdown(
            "# Olivetti denoiser\n"
            "Small neural networks that remove noise. They learned from 80 photographs of faces "
            "and nothing else; try them on your picture."
        )
        gr.Markdown(f"Serving {served.words}.", elem_classes="served")
        gray = served.denoiser.only("gray")
        with gr.Tab("Demo"):
            demo_tab(page, gray)
        with gr.Tab("Clean up") as tab:
            clean_up_tab(tab, served.denoiser)
        with gr.Tab("Compare") as tab:
            compare_tab(tab, gray)
        with gr.Tab("About"):
            about_tab(served)
    return page.queue(
        max_size=limits.VISITORS_WAITING,
        default_concurrency_limit=limits.VISITORS_AT_ONCE,
        api_open=False,  # nobody goes past the queue, as on the Hub's Spaces
    )


def launch(page: gr.Blocks) -> None:
    """Serve the page until interrupted."""
    give_mcp_clients_every_output()
    scripts = (HERE / name for name in ("before_after.js", "page.js"))
    head = [
        f'<script type="module">{file.read_text(encoding="utf-8")}</script>' for file in scripts
    ]
    page.launch(
        max_file_size=MAX_BYTES,
        mcp_server=True,
        ssr_mode=False,
        footer_links=["api"],
        css_paths=HERE / "page.css",
        head="".join(head),
    )
