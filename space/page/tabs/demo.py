"""The Demo tab: a clean picture, the same with noise, and what the network makes of it."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.images.gray_view import gray_view
from page import inputs, outputs, texts, trials
from page.uploads import notes_of, read_upload

LABELS = (outputs.ORIGINAL, outputs.NOISY, outputs.RECONSTRUCTED)


def demo_tab(page: gr.Blocks, denoiser: Denoiser) -> None:
    """Add the tab's contents and the endpoint `/denoise`.

    Args:
        page: The whole page.
        denoiser: The denoiser of the gray network.
    """

    def denoise(image: Image.Image, sigma: float = 0.1, seed: int = 0):
        """Add Gaussian noise to a picture and let the network remove it.

        Args:
            image: The picture, of any size and format; its middle square is seen in gray, 64×64.
            sigma: The noise level as a fraction of the brightness range, from 0 to 0.3.
            seed: The number that the noise is drawn from, so that it can be drawn again.

        Returns:
            original: The clean 64×64 picture, a PNG.
            noisy: The same with noise, a PNG.
            reconstructed: What the network makes of the noisy picture, a PNG.
            figures: MSE, PSNR in dB and SSIM of both against the original, and the gain in dB.
            verdict: The gain in words, and the figures as a table.
        """
        view = gray_view(image)
        noisy, restored, metrics = trials.add_and_remove_noise(denoiser, view, sigma, seed)
        return (
            outputs.png(view, "original"),
            outputs.png(noisy, "noisy"),
            outputs.png(restored, "reconstructed"),
            metrics,
            texts.verdict(metrics) + notes_of(image),
        )

    first, *_ = inputs.examples("face_", "drawn_")
    *pictures, first_metrics, first_verdict = denoise(read_upload(first))
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, clicked = inputs.picture_input("face_", "drawn_")
            sigma, seed = inputs.noise_controls()
        with gr.Column(scale=3):
            with gr.Row():
                original, noisy, reconstructed = (
                    outputs.shown_picture(label, value, "pixels")
                    for label, value in zip(LABELS, pictures, strict=True)
                )
            metrics = gr.JSON(first_metrics, label="Figures", visible=False)
            with gr.Row():
                with gr.Column(min_width=300):
                    verdict = gr.Markdown(first_verdict, label="Verdict", elem_classes="figures")
                with gr.Column(min_width=300):
                    slider = gr.HTML(label="Before and after")
    inputs.run_on(
        image,
        [sigma, seed],
        [original, noisy, reconstructed, metrics, verdict],
        denoise,
        [sigma.release, seed.input, clicked],
        api_name="denoise",
    )
    outputs.before_after((reconstructed.change, page.load), noisy, reconstructed, slider)
