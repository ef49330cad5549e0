"""The page's inputs (a picture, a noise level, a seed), and the functions that run on them.

    image, clickable = picture_input("face_", "drawn_")
    sigma, seed = noise_controls()
    run_on(image, [sigma, seed], outputs, denoise, [sigma.release, clickable], api_name="denoise")

Components are made inside the `with` blocks of a `gr.Blocks`.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from page import trials
from page.limits import MEGAPIXELS
from page.outputs import png
from page.uploads import BROWSERS, read_upload

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def picture_input(*beginnings: str) -> tuple[gr.Image, Callable]:
    """Create the input for a picture, which starts with an example, and examples to click.

    Args:
        *beginnings: The beginnings of the examples' names, in the order of the examples.

    Returns:
        The input, and the event of an example being clicked.
    """
    image = gr.Image(
        str(examples(*beginnings)[0]),
        type="filepath",
        format="png",
        label="Your picture",
        sources=["upload", "clipboard", "webcam"],
        height=240,
        elem_classes="enlarged",
        alt_text="the picture that you sent",
    )
    clickable = gr.Examples(
        [[str(path)] for path in examples(*beginnings)],
        inputs=image,
        label="Examples",
        api_visibility="private",
    )
    return image, clickable.load_input_event.then


def examples(*beginnings: str) -> list[Path]:
    """Return the example pictures whose names begin so, in that order."""
    return [path for start in beginnings for path in sorted(EXAMPLES.glob(f"{start}*.png"))]


def noise_controls() -> tuple[gr.Slider, gr.Number]:
    """Create the inputs of the noise level and the seed."""
    sigma = gr.Slider(
        0.0,
        trials.MAX_SIGMA,
        0.1,
        step=0.01,
        label="Noise level σ",
        info="▲ 0.1 is the level that the network was trained for most",
        elem_classes=["releases", "trained"],
    )
    seed = gr.Number(
        0, label="Seed", info="the same seed draws the same noise", precision=0, minimum=0
    )
    return sigma, seed


def run_on(
    image: gr.Image,
    controls: Sequence[gr.components.Component],
    outputs: Sequence[gr.components.Component],
    function: Callable,
    events: Sequence[Callable],
    *,
    api_name: str,
    tab: gr.Tab | None = None,
    megapixels: float = MEGAPIXELS,
) -> None:
    """Run a function at each of the events and when a picture arrives; and as an endpoint.

    In the page nothing happens without a picture, and a file that is no picture is removed with a
    message. Gradio's own preprocessing is off, so that the page can say what is wrong with a
    picture or a number; it would also lose transparency and 16 bits.

    Args:
        image: The input of the picture.
        controls: The other inputs.
        outputs: The outputs of the function.
        function: Takes a decoded picture and the controls' values.
        events: The events of the other inputs that run the function.
        api_name: The endpoint's name, without the slash.
        tab: The tab with the inputs; the function runs when it is first opened.
        megapixels: The largest picture to decode.
    """

    @functools.wraps(function)
    def endpoint(file, *values):
        with _one_sentence_errors(function):
            if file is None:
                raise ValueError("Please choose a picture first.")
            return function(read_upload(file["path"], megapixels), *values)

    @functools.wraps(function)
    def in_the_page(file, *values):
        if file is None:
            return gr.skip()
        with _one_sentence_errors(function):
            try:
                picture = read_upload(file["path"], megapixels)
            except ValueError as error:
                gr.Warning(_sentence(error))
                return [None, *(gr.skip() for _ in outputs)]
            shown = gr.skip() if picture.format in BROWSERS else png(picture, "picture")
            return [shown, *function(picture, *values)]

    options: dict[str, Any] = {"concurrency_id": api_name, "preprocess": False}
    # An input that has a value is optional in the API, so the endpoint has one of its own.
    sent = gr.Image(label=image.label, visible=False)
    sent.upload(endpoint, [sent, *controls], outputs, api_name=api_name, **options)
    options |= {"api_visibility": "private", "show_progress_on": outputs}
    for event in (image.input, *events):
        event(
            in_the_page,
            [image, *controls],
            [image, *outputs],
            trigger_mode="always_last",
            **options,
        )
    if tab is not None:
        tab.select(
            lambda *values: gr.skip() if values[-1] else in_the_page(*values[:-1]),
            [image, *controls, outputs[-1]],
            [image, *outputs],
            **options,
        )


@contextlib.contextmanager
def _one_sentence_errors(function):
    """Turn a visitor's mistake into its one sentence, and a fault of ours into another."""
    try:
        yield
    except gr.Error:
        raise
    except (ValueError, TimeoutError) as error:
        raise gr.Error(_sentence(error), print_exception=False) from None
    except Exception:
        logging.exception("%s failed", function.__name__)
        raise gr.Error(
            "Something went wrong on the server's side; another picture may work.",
            print_exception=False,
        ) from None


def _sentence(error):
    """Return an error's message as visitors read it."""
    text = str(error).partition(" Received:")[0]
    return text[:1].upper() + text[1:]
