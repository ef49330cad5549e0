"""The page: see a Residual U-Net remove noise from any picture.

    python space/app.py

`MODEL_ID` and `MODEL_REVISION` name the repository on the Hub that holds both networks. Without
them, or when the Hub does not answer, the built-in ones serve. `GRADIO_SERVER_NAME` and
`GRADIO_SERVER_PORT` say where.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The folder of `page`, and in a checkout that of the package; `runpy` puts neither there. They
# come first, so that a page.py in the current folder is not taken for `page`.
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent / "training") if folder.is_dir()]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from page.surroundings import own_folder, past_proxies  # noqa: E402

own_folder()  # before Gradio is imported, which looks for its folder then
with past_proxies():
    import gradio as gr

from olivetti_denoiser.bundled import bundled  # noqa: E402
from olivetti_denoiser.streams import print_any_character  # noqa: E402
from page import limits, uploads  # noqa: E402
from page.components import give_mcp_clients_every_output  # noqa: E402
from page.inputs import fill_in_values  # noqa: E402
from page.serving import Served, load_networks  # noqa: E402
from page.tabs.about import about_tab  # noqa: E402
from page.tabs.clean_up import clean_up_tab  # noqa: E402
from page.tabs.compare import compare_tab  # noqa: E402
from page.tabs.demo import demo_tab  # noqa: E402
from page.visitors_files import (  # noqa: E402
    read_only_what_was_sent,
    tell_mcp_clients_the_same,
)

HUB_SECONDS = float(os.environ.get("HUB_SECONDS", "20"))  # then the built-in networks serve


def build(served: Served) -> gr.Blocks:
    """Builds the page around what serves; a new tab is a function called here."""
    with gr.Blocks(
        title="Olivetti denoiser", analytics_enabled=False, delete_cache=(600, limits.KEPT_SECONDS)
    ) as page:
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
            clean_up_tab(page, tab, served.denoiser)
        with gr.Tab("Compare") as tab:
            compare_tab(page, tab, gray)
        with gr.Tab("About"):
            about_tab(served)
    fill_in_values(page)
    read_only_what_was_sent(page)
    return page.queue(
        max_size=limits.VISITORS_WAITING, default_concurrency_limit=limits.VISITORS_AT_ONCE
    )


def main() -> None:
    """Loads the networks and serves the page until interrupted."""
    print_any_character()  # Gradio's log has pictograms
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that pictures are deleted at the end
    bundle = os.environ.get("BUNDLED_MODEL") or bundled("model_card")
    served = load_networks(os.environ, bundle, HUB_SECONDS)
    print(f"Serving {served.words}", flush=True)
    give_mcp_clients_every_output()
    tell_mcp_clients_the_same()
    script = (HERE / "page" / "page.js").read_text(encoding="utf-8")
    with past_proxies():
        build(served).launch(
            max_file_size=uploads.MAX_BYTES,
            mcp_server=True,
            ssr_mode=False,
            footer_links=["api"],
            css_paths=HERE / "page" / "page.css",
            head=f"<script>{script}</script>",
        )


if __name__ == "__main__":
    main()
