"""The page's outputs: exact PNGs with a text for visitors who cannot see them, and a slider.

noisy = shown_picture(NOISY, png(pixels, "noisy"), "pixels")
before_after([restored.change], noisy, restored, gr.HTML())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gradio as gr
import numpy as np
from PIL import Image

from page.uploads import encode_png, keep

ORIGINAL, NOISY, RECONSTRUCTED, CLEANED_UP = "Original", "Noisy", "Reconstructed", "Cleaned up"
ALTERNATIVE_TEXTS = {
    ORIGINAL: "the clean picture, gray, 64 by 64 pixels",
    NOISY: "the same picture with Gaussian noise",
    RECONSTRUCTED: "the noisy picture after the network removed the noise",
    CLEANED_UP: "your picture after the network removed the noise",
}


def png(picture: np.ndarray | Image.Image, name: str) -> str:
    """Write an exact PNG for the browser to fetch and return its path."""
    return keep(encode_png(picture), f"{name}.png")


def shown_picture(
    label: str, value: str | None = None, elem_class: str = "enlarged", min_width: int = 90
) -> gr.Image:
    """Create a picture that a visitor can download.

    Args:
        label: The label above it, and the key of its text in `ALTERNATIVE_TEXTS`.
        value: The path of a PNG, None for no picture yet.
        elem_class: "enlarged"; "pixels" for hard pixels as wide as there is room; or "plot".
        min_width: CSS pixels, below which it gets a row of its own.
    """
    return gr.Image(
        value,
        label=label,
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes=elem_class,
        alt_text=ALTERNATIVE_TEXTS.get(label, label),
        min_width=min_width,
    )


def before_after(
    events: Iterable[Callable], before: gr.Image, after: gr.Image, slider: gr.HTML
) -> None:
    """Draw the slider in the browser at each of the events."""
    for event in events:
        event(None, [before, after], slider, js="window.beforeAfter", api_visibility="private")
