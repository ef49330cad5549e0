"""What a visitor gives: a picture, an example, a noise level and a seed; and what that starts.

    image, ready = picture(page, first)
    sigma, seed = noise_controls()
    clickable = pictures_to_click(image, "face_", "drawn_")
    run_on(image, [sigma.release, seed.input], clickable, denoise, inputs, outputs, "denoise")

Components are made inside the `with` blocks of a `gr.Blocks`.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from page import trials, uploads
from page.components import picture_input
from page.outputs import png

Control = TypeVar("Control", bound=gr.components.Component)

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def picture(page: gr.Blocks, first: Path) -> tuple[gr.Image, gr.events.Dependency]:
    """Returns the input for a visitor's picture, and the event of its first one being there."""
    image = picture_input(
        value=str(first),
        label="Your picture",
        sources=["upload", "clipboard", "webcam"],
        height=240,
        elem_classes="enlarged",
        alt_text="the picture that you sent",
    )
    # An input that has a value would be optional in the API, so the browser puts it in.
    file, image.value = json.dumps(image.value), None
    ready = page.load(
        None,
        None,
        image,
        js=f"() => window.withAddress({file})",
        api_visibility="private",
    )
    return image, ready


def noise_controls() -> tuple[gr.Slider, gr.Number]:
    """Returns the noise level and the seed."""
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
    return unchecked(sigma), unchecked(seed)


def unchecked(control: Control) -> Control:
    """Leaves it to the page's functions to say what is wrong with a number."""
    control.preprocess = lambda payload: payload
    return control


def examples(*beginnings: str) -> list[Path]:
    """Returns the example pictures whose names begin so, in that order."""
    return [path for start in beginnings for path in sorted(EXAMPLES.glob(f"{start}*.png"))]


def pictures_to_click(image: gr.Image, *beginnings: str) -> gr.helpers.Examples:
    """Returns thumbnails that put an example into the input."""
    return gr.Examples(
        [[str(path)] for path in examples(*beginnings)],
        inputs=image,
        label="Examples",
        api_visibility="private",
    )


def run_on(
    image: gr.Image,
    controls: Sequence[Callable],
    clickable: gr.helpers.Examples,
    function: Callable,
    inputs: list,
    outputs: list,
    api_name: str,
) -> None:
    """Runs a function when a picture arrives, a control is released or an example is clicked.

    In the page nothing happens without a picture; whoever calls the endpoint without one is told.

    Args:
        image: the input whose new pictures count.
        controls: events of the other inputs.
        clickable: the examples of `image`.
        function: what to run; it becomes an endpoint of the API.
        inputs: what `function` takes, in this order.
        outputs: what it returns, in this order.
        api_name: the endpoint's name, without the slash.
    """
    # The endpoint's own event, which nobody in the page triggers.
    called = gr.Button(visible=False)
    called.click(function, inputs, outputs, api_name=api_name, concurrency_id=api_name)
    page: dict[str, Any] = {
        "api_visibility": "private",
        "trigger_mode": "always_last",
        "concurrency_id": api_name,
    }
    arrived = image.input(_where_there_is_a_picture(function), inputs, outputs, **page)
    arrived.then(
        _shown_instead, image, image, queue=False, show_progress="hidden", api_visibility="private"
    )
    for event in (*controls, clickable.load_input_event.then):
        event(_where_there_is_a_picture(function), inputs, outputs, **page)


def fill_in_values(page: gr.Blocks) -> None:
    """Gives inputs that a request leaves out at its end the values that the page starts with.

    So a caller who knows an endpoint's first arguments is served on when it gets another one.
    """
    preprocess = page.preprocess_data

    async def filled(block_fn, inputs, *arguments, **options):
        rest = block_fn.inputs[len(inputs) :]
        values = [*inputs, *(getattr(block, "value", None) for block in rest)]
        return await preprocess(block_fn, values, *arguments, **options)

    page.preprocess_data = filled


def one_sentence_errors(function: Callable) -> Callable:
    """Turns a visitor's mistake into its one sentence, and a fault of ours into another."""

    @functools.wraps(function)
    def careful(*values, **options):
        try:
            return function(*values, **options)
        except (ValueError, TimeoutError) as error:
            raise gr.Error(str(error), print_exception=False) from None
        except gr.Error:
            raise
        except Exception:
            logging.exception("%s failed", function.__name__)
            raise gr.Error(
                "Something went wrong on the server's side; another picture may work.",
                print_exception=False,
            ) from None

    return careful


def chosen(image: str | None) -> str:
    """Returns the path of the picture.

    Raises:
        ValueError: there is none; one sentence.
    """
    if image is None:
        raise ValueError("Please choose a picture first.")
    return image


def _where_there_is_a_picture(function):
    """Leaves everything as it is when a visitor has taken the picture away."""

    @functools.wraps(function)
    def patient(image, *values, **options):
        return gr.skip() if image is None else function(image, *values, **options)

    return patient


def _shown_instead(image):
    """A PNG of a picture that browsers cannot show, nothing for a file that is none."""
    try:
        copy = image and uploads.for_the_browser(image)
        return gr.skip() if copy is None else png(copy, "picture")
    except ValueError:
        return None
