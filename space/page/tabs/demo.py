"""The Demo tab: a clean picture, the same with noise, and what the network makes of it."""

from __future__ import annotations

import gradio as gr

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.images.gray_view import gray_view
from page import inputs, outputs, texts, trials, uploads

LABELS = (outputs.ORIGINAL, outputs.NOISY, outputs.RECONSTRUCTED)


def demo_tab(page: gr.Blocks, denoiser: Denoiser) -> None:
    """Adds the tab's contents and the endpoint `/denoise`.

    Args:
        page: all of it.
        denoiser: of the gray network.
    """

    @inputs.one_sentence_errors
    def denoise(image: str, sigma: float = 0.1, seed: int = 0):
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
        picture = uploads.read_upload(inputs.chosen(image))
        trial = trials.Trial.run(denoiser, gray_view(picture), sigma, seed)
        return (
            outputs.png(trial.original, "original"),
            outputs.png(trial.noisy, "noisy"),
            outputs.png(trial.restored, "reconstructed"),
            trial.figures,
            texts.verdict(trial.figures) + outputs.first_frame_note(picture),
        )

    first, *_ = inputs.examples("face_", "drawn_")
    *pictures, first_figures, first_verdict = denoise(first, 0.1, 0)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, ready = inputs.picture(page, first)
            sigma, seed = inputs.noise_controls()
            clickable = inputs.pictures_to_click(image, "face_", "drawn_")
        with gr.Column(scale=3):
            with gr.Row():
                original, noisy, reconstructed = (
                    outputs.shown_picture(label, value, pixels=True)
                    for label, value in zip(LABELS, pictures, strict=True)
                )
            figures = gr.JSON(first_figures, label="Figures", visible=False)
            with gr.Row():
                with gr.Column(min_width=300):
                    verdict = gr.Markdown(first_verdict, label="Verdict", elem_classes="figures")
                with gr.Column(min_width=300):
                    slider = gr.HTML(label="Before and after")
    inputs.run_on(
        image,
        [sigma.release, seed.input],
        clickable,
        denoise,
        [image, sigma, seed],
        [original, noisy, reconstructed, figures, verdict],
        api_name="denoise",
    )
    outputs.before_after((reconstructed.change, ready.then), noisy, reconstructed, slider)
