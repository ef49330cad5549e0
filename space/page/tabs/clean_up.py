"""The Clean up tab: a picture that is noisy already, restored in its own size and colours."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import gradio as gr

from olivetti_denoiser.denoiser import Denoiser
from page import inputs, outputs, texts, trials, uploads
from page.components import served_file
from page.lane import Lane
from page.presence import check_presence
from page.progress import TimeLeft

SMALL_SIDE = 128  # pixels; larger pictures are cleaned up in a lane of their own
WHO_RESTORES = "Two networks are at work here: the noise of your picture decides which restores it."
HUGE = 2_000_000  # pixels; one such picture at a time, as it takes up to half a gigabyte


def clean_up_tab(page: gr.Blocks, tab: gr.Tab, denoiser: Denoiser) -> None:
    """Adds the tab's contents and the endpoint `/restore`.

    Args:
        page: all of it.
        tab: where the contents are.
        denoiser: of both networks.
    """
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
            estimate: The noise level, and which of the two networks removed the noise, in words.
        """
        picture = uploads.read_upload(inputs.chosen(image), max_pixels=trials.MAX_CLEAN_PIXELS)
        left = TimeLeft()

        def report(done, total):
            check_presence()
            progress(done / total, desc=left.words(done, total))

        with contextlib.ExitStack() as held:
            if max(picture.size) > SMALL_SIDE:
                progress(0.0, desc="waiting for other large pictures")
                is_huge = picture.width * picture.height > HUGE
                held.enter_context((huge_lane if is_huge else large_lane).turn(check_presence))
                progress(0.0, desc="estimating the noise")
            restored = trials.clean_up(denoiser, picture, strength, level_factor, report)
        said = texts.restored_in_words(restored, strength, level_factor)
        return outputs.png(restored.image, "cleaned_up"), said + outputs.first_frame_note(picture)

    first, *_ = inputs.examples("noisy_")
    gr.Markdown(WHO_RESTORES, elem_classes="served")
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
            estimate = gr.Markdown(label="Estimate")
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    slider = gr.HTML(label="Before and after", elem_classes="wide")
                with gr.Column(scale=1, min_width=240):
                    cleaned = outputs.shown_picture(outputs.CLEANED_UP)
    inputs.run_on(
        image,
        [level_factor.release, strength.release],
        clickable,
        restore,
        [image, inputs.unchecked(strength), inputs.unchecked(level_factor)],
        [cleaned, estimate],
        api_name="restore",
    )

    # Restored when anybody first opens the tab, for all: at the start it would double the memory.
    @functools.cache
    def first_result():
        path, said = restore(str(first))
        return Path(path).read_bytes(), said

    def opened(said):
        if said:  # the tab has been open before
            return [gr.skip()] * 2
        content, said = first_result()
        return served_file(content, "cleaned_up.png"), said  # the first file may be deleted by now

    tab.select(
        opened,
        estimate,
        [cleaned, estimate],
        api_visibility="private",
    )
    outputs.before_after((cleaned.change, ready.then), image, cleaned, slider)
