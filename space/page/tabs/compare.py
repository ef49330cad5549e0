"""The Compare tab: the same noisy picture through the network and the classical methods."""

from __future__ import annotations

import gradio as gr

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.images.gray_view import gray_view
from page import inputs, outputs, texts, trials, uploads


def compare_tab(page: gr.Blocks, tab: gr.Tab, denoiser: Denoiser) -> None:
    """Adds the tab's contents and the endpoint `/compare`.

    Args:
        page: all of it.
        tab: where the contents are.
        denoiser: of the gray network.
    """

    @inputs.one_sentence_errors
    def compare(image: str, sigma: float = 0.1, seed: int = 0):
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
        picture = uploads.read_upload(inputs.chosen(image))
        view = gray_view(picture)
        results = trials.compare_methods(denoiser, view, sigma, seed)
        gallery = [
            (outputs.png(result.restored, result.name.lower().replace(" ", "_")), result.caption)
            for result in results
        ]
        gallery.append((outputs.png(view, "original"), outputs.ORIGINAL))
        table = texts.comparison_table(results) + outputs.first_frame_note(picture)
        return gallery, table, [result.row for result in results]

    first, *_ = inputs.examples("face_", "drawn_")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, _ = inputs.picture(page, first)
            sigma, seed = inputs.noise_controls()
            clickable = inputs.pictures_to_click(image, "face_", "drawn_")
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
    given, shown = [image, sigma, seed], [gallery, table, rows]
    inputs.run_on(
        image, [sigma.release, seed.input], clickable, compare, given, shown, api_name="compare"
    )
    # Computed when the tab is first opened: the classical methods' libraries take a second to load.
    tab.select(
        lambda *values: compare(*values[:3]) if not values[3] else [gr.skip()] * 3,
        [*given, rows],
        shown,
        api_visibility="private",
    )
