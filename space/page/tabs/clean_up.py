"""The Clean up tab: a picture that is noisy already, restored in its own size and colours."""

from __future__ import annotations

import contextlib

import gradio as gr

from olivetti_denoiser.denoiser import Denoiser
from page import inputs, outputs, texts, trials, uploads
from page.batching import Lane
from page.presence import check_presence
from page.progress import TimeLeft
from page.serving import ServedModels

SMALL_SIDE = 128  # pixels; larger pictures are cleaned up in a lane of their own
HUGE = 2_000_000  # pixels; one such picture at a time, as it takes up to half a gigabyte


def clean_up_tab(page: gr.Blocks, models: ServedModels) -> None:
    """Adds the tab's contents and the endpoint `/restore`."""
    # Small pictures have denoisers of their own, as each lets one forward pass run at a time.
    large = {
        id(served): Denoiser(served.denoiser.model)
        for served in (models.gray, models.colour)
        if served is not None
    }
    large_lane, huge_lane = Lane(at_once=2, waiting=2), Lane(at_once=1, waiting=2)

    @inputs.one_sentence_errors
    def restore(
        image: str,
        strength: float = 1.0,
        level_factor: float = 1.0,
        progress=gr.Progress(),  # noqa: B008
    ):
        """Remove the noise that a picture already has, keeping its size and its colours.

        Args:
            image: The noisy picture, of any format, up to 12 million pixels.
            strength: How much of the correction to apply, from 0 (untouched) to 1 (full).
            level_factor: The noise is removed as if its level were so many times the estimate,
                from 0 to 4: less than 1 keeps more grain, more than 1 is smoother.

        Returns:
            cleaned_up: The restored picture, a PNG of the same size; transparency is kept.
            estimate: The noise level that the network sees, in words.
        """
        picture = uploads.read_upload(inputs.chosen(image), max_pixels=trials.MAX_CLEAN_PIXELS)
        served, left = models.for_picture(picture), TimeLeft()

        def report(done, total):
            check_presence()
            progress(done / total, desc=left.words(done, total))

        denoiser = large[id(served)]
        turn: contextlib.AbstractContextManager = contextlib.nullcontext()
        if max(picture.size) <= SMALL_SIDE:
            denoiser, report = served.denoiser, None
        else:
            progress(0.0, desc="waiting for other large pictures")
            lane = huge_lane if picture.width * picture.height > HUGE else large_lane
            turn = lane.turn(check_presence)
        with turn:
            if report is not None:
                progress(0.0, desc="estimating the noise")
            cleaned, sigma = trials.clean_up(denoiser, picture, strength, level_factor, report)
        note = texts.noise_in_words(sigma, level_factor) + outputs.first_frame_note(picture)
        return outputs.png(cleaned, "cleaned_up"), note

    first, *_ = inputs.examples("noisy_")
    first_cleaned, first_estimate = restore(first)
    gr.Markdown(str(models), elem_classes="served")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, ready = inputs.picture(page, first)
            level_factor = gr.Slider(
                0.0,
                2.0,
                1.0,
                step=0.05,
                label="Smoothness",
                info="◀ keep more grain · 1 is what the network estimates · smoother ▶",
                elem_classes="releases",
            )
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
                with gr.Column(scale=2, min_width=300):
                    slider = gr.HTML(label="Before and after", elem_classes="wide")
                with gr.Column(scale=1, min_width=240):
                    cleaned = outputs.shown_picture(outputs.CLEANED_UP, first_cleaned)
    inputs.run_on(
        image,
        [level_factor.release, strength.release],
        clickable,
        restore,
        [image, inputs.unchecked(strength), inputs.unchecked(level_factor)],
        [cleaned, estimate],
        api_name="restore",
    )
    outputs.before_after((cleaned.change, ready.then), image, cleaned, slider)
