"""The Compare tab: the same noisy picture through the network and the classical methods."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.images.gray_view import gray_view
from page import inputs, outputs, texts, trials
from page.uploads import notes_of


def compare_tab(tab: gr.Tab, denoiser: Denoiser) -> None:
    """Add the tab's contents and the endpoint `/compare`.

    Args:
        tab: Where the contents are. The libraries of the classical methods take a second to load,
            so they wait until it is opened.
        denoiser: The denoiser of the gray network.
    """

    def compare(image: Image.Image, sigma: float = 0.1, seed: int = 0):
        """Restore one noisy picture with the network and with four classical methods.

        Args:
            image: The picture, of any size and format; its middle square is seen in gray, 64×64.
            sigma: The noise level as a fraction of the brightness range, from 0 to 0.3.
            seed: The number that the noise is drawn from, so that it can be drawn again.

        Returns:
            gallery: The picture after each method, best PSNR first, the original last.
            table: The same as a table: MSE, PSNR in dB, SSIM and milliseconds.
            rows: The table's rows as JSON.
        """
        view = gray_view(image)
        results = trials.compare_methods(denoiser, view, sigma, seed)
        gallery = [
            (outputs.png(result.restored, result.name.lower().replace(" ", "_")), caption)
            for result, caption in zip(results, map(texts.caption, results), strict=True)
        ]
        gallery.append((outputs.png(view, "original"), outputs.ORIGINAL))
        rows = [
            {"method": result.name, **result.metrics, "milliseconds": result.milliseconds}
            for result in results
        ]
        return gallery, texts.comparison_table(results) + notes_of(image), rows

    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, clicked = inputs.picture_input("face_", "drawn_")
            sigma, seed = inputs.noise_controls()
        with gr.Column(scale=3):
            gallery = gr.Gallery(
                label="Best first",
                format="png",
                columns=4,
                object_fit="contain",
                elem_classes=["pixels", "methods"],
                interactive=False,
            )
            table = gr.Markdown(label="Table", elem_classes="figures")
            gr.Markdown(
                "The classical methods are told the noise level, and they are tuned on the "
                "training faces. The network estimates the level itself. The time is the fastest "
                "of three runs on this server."
            )
            rows = gr.JSON(label="Rows", visible=False)
    inputs.run_on(
        image,
        [sigma, seed],
        [gallery, table, rows],
        compare,
        [sigma.release, seed.input, clicked],
        api_name="compare",
        tab=tab,
    )
