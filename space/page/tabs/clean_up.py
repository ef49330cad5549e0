"""The Clean up tab: a picture that is noisy already, restored in its own size and colours."""

from __future__ import annotations

import gradio as gr

from olivetti_denoiser.denoiser import Denoiser
from page import inputs, outputs, texts, trials, uploads
from page.batching import Lane
from page.serving import ServedModel

SMALL_SIDE = 128  # pixels; larger pictures are cleaned up in a lane of their own


def clean_up_tab(page: gr.Blocks, served: ServedModel) -> None:
    """Adds the tab's contents and the endpoint `/restore`."""
    large, lane = Denoiser(served.denoiser.model), Lane()

    @inputs.one_sentence_errors
    def restore(image: str, strength: float = 1.0, progress=gr.Progress()):  # noqa: B008
        """Remove the noise that a picture already has, keeping its size and its colours.

        Args:
            image: The noisy picture, of any format, up to 12 million pixels.
            strength: How much of the correction to apply, from 0 (untouched) to 1 (full).

        Returns:
            cleaned_up: The restored picture, a PNG of the same size; transparency is kept.
            estimate: The noise level that the network sees, in words.
        """
        picture = uploads.read_upload(inputs.chosen(image), max_pixels=trials.MAX_CLEAN_PIXELS)

        def report(done, total):
            progress((done, total), unit="tiles", desc="Removing the noise")

        if max(picture.size) <= SMALL_SIDE:
            cleaned, sigma = trials.clean_up(served.denoiser, picture, strength)
        else:
            with lane.turn():
                cleaned, sigma = trials.clean_up(large, picture, strength, report)
        note = texts.noise_in_words(sigma) + outputs.first_frame_note(picture)
        return outputs.png(cleaned, "cleaned_up"), note

    first, *_ = inputs.examples("noisy_")
    first_cleaned, first_estimate = restore(first, 1.0)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, ready = inputs.picture(page, first)
            strength = gr.Slider(
                0.0,
                1.0,
                1.0,
                step=0.05,
                label="Strength",
                info="0 leaves the picture untouched, 1 applies the full correction",
                elem_classes="releases",
            )
            clickable = inputs.pictures_to_click(image, "noisy_")
        with gr.Column(scale=3):
            estimate = gr.Markdown(first_estimate, label="Estimate")
            with gr.Row():
                with gr.Column(min_width=300):
                    slider = gr.HTML(label="Before and after")
                with gr.Column(min_width=300):
                    cleaned = outputs.shown_picture(outputs.CLEANED_UP, first_cleaned)
    inputs.run_on(
        image,
        [strength.release],
        clickable,
        restore,
        [image, inputs.unchecked(strength)],
        [cleaned, estimate],
        api_name="restore",
    )
    outputs.before_after((cleaned.change, ready.then), image, cleaned, slider)
