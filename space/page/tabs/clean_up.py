"""The Clean up tab: a picture that is noisy already, restored in its own size and colours."""

from __future__ import annotations

import contextlib
import time

import gradio as gr
from PIL import Image

from olivetti_denoiser.denoiser import Denoiser
from page import inputs, outputs, texts
from page.gradio_gaps import check_presence
from page.lane import SMALL, Lane
from page.limits import CLEAN_UP_MEGAPIXELS, MINUTES
from page.uploads import notes_of

WHO_RESTORES = "Two networks are at work here: the noise of your picture decides which restores it."


def clean_up_tab(tab: gr.Tab, denoiser: Denoiser) -> None:
    """Add the tab's contents and the endpoint `/restore`.

    Args:
        tab: Where the contents are.
        denoiser: The denoiser of both networks.
    """
    lane = Lane()

    def restore(
        image: Image.Image,
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
            estimate: The noise level, and which of the two networks removed the noise, in words.
        """
        with contextlib.ExitStack() as held:
            if image.width * image.height > SMALL:
                progress(0.0, desc="waiting for other large pictures")
                held.enter_context(lane.turn(check_presence))
                progress(0.0, desc="estimating the noise")
            started = time.monotonic()

            def report(done, total):
                check_presence()
                seconds = time.monotonic() - started
                if seconds > 60 * MINUTES:
                    raise TimeoutError(
                        f"The picture takes longer than {MINUTES} minutes; a smaller one works."
                    )
                left = f"about {seconds / done * (total - done):.0f} s left"
                progress(done / total, desc=f"tile {done} of {total}, {left}")

            restored = denoiser.restore(
                image, strength=strength, level_factor=level_factor, progress=report
            )
        estimate = texts.restored_in_words(restored, strength, level_factor) + notes_of(image)
        return outputs.png(restored.image, "cleaned_up"), estimate

    gr.Markdown(WHO_RESTORES, elem_classes="served")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, clicked = inputs.picture_input("noisy_")
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
        with gr.Column(scale=3):
            estimate = gr.Markdown(label="Estimate")
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    slider = gr.HTML(label="Before and after")
                with gr.Column(scale=1, min_width=240):
                    cleaned = outputs.shown_picture(outputs.CLEANED_UP)
    inputs.run_on(
        image,
        [strength, level_factor],
        [cleaned, estimate],
        restore,
        [level_factor.release, strength.release, clicked],
        api_name="restore",
        tab=tab,
        megapixels=CLEAN_UP_MEGAPIXELS,
    )
    outputs.before_after([cleaned.change], image, cleaned, slider)
