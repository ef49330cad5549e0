"""The page: see a Residual U-Net remove noise from any picture.

    python space/app.py

`MODEL_ID` and `MODEL_REVISION` name the model on the Hub; without them, or when the Hub does not
answer, the bundled one serves. `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say where.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The page's own folder, and in a checkout that of the package; `runpy` puts neither there.
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent / "training") if folder.is_dir()]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from page.visitors_files import own_folder  # noqa: E402

own_folder()  # before Gradio is imported, which looks for its folder then

import gradio as gr  # noqa: E402

from olivetti_denoiser.bundled import bundled  # noqa: E402
from olivetti_denoiser.denoiser import Denoiser  # noqa: E402
from olivetti_denoiser.gray_view import gray_view  # noqa: E402
from olivetti_denoiser.model_folder import PLOTS, read_metrics  # noqa: E402
from page import texts, trials, uploads  # noqa: E402
from page.batching import Batcher, Lane  # noqa: E402
from page.components import (  # noqa: E402
    give_mcp_clients_every_output,
    picture_input,
    served_file,
)
from page.serving import ServedModel, load_served_model  # noqa: E402
from page.visitors_files import (  # noqa: E402
    read_only_what_was_sent,
    tell_mcp_clients_the_same,
)

EXAMPLES = HERE / "examples"
HUB_SECONDS = float(os.environ.get("HUB_SECONDS", "20"))  # then the bundled model serves
WAITING = 200  # visitors in the queue
VISITORS_AT_ONCE = 8
SMALL_SIDE = 128  # pixels; larger pictures are cleaned up in a lane of their own
KEPT_SECONDS = 3600

LIMITS = (
    f"Up to {uploads.MAX_BYTES // 2**20} MB and {uploads.MAX_PIXELS / 1e6:.0f} million pixels a "
    f"picture ({trials.MAX_CLEAN_PIXELS / 1e6:.0f} million in Clean up), "
    f"{trials.MAX_SECONDS / 60:.0f} minutes of work, {WAITING} visitors in the queue. "
    "Pictures are deleted from the server after an hour and used for nothing else."
)
ABOUT = f"""
## What it learned from

Eighty of the 400 photographs in the Olivetti faces database: forty people, ten pictures each,
64×64 pixels, gray, taken between April 1992 and April 1994 at AT&T Laboratories Cambridge, to whom
the credit is due. The test faces above are twenty others of the same people, so the figures
say nothing about people it never saw; the remaining 300 faces are measured in the model's card.

## What it is not good for

It knows soft Gaussian noise on small gray pictures. JPEG blocks, blur, film grain, scratches
and pictures much larger than 64×64 are not what it was made for: it may smooth away what is real,
or leave the noise. What it draws in place of the noise is a guess; do not use it for evidence,
for medicine, or to recognise people.

## Use it

```python
import keras

model = keras.saving.load_model("hf://{{name}}")
```

The three functions of this page answer as an API and as tools for agents: see *Use via API* below.

## Limits of this page

{LIMITS}
"""
ALT = {
    "Original": "the clean picture, gray, 64 by 64 pixels",
    "Noisy": "the same picture with Gaussian noise",
    "Reconstructed": "the noisy picture after the network removed the noise",
    "Cleaned up": "your picture after the network removed the noise",
}
PLOT_NAMES = dict(
    zip(
        PLOTS,
        (
            "Training and validation loss",
            "Noisy, reconstructed and original test faces",
            "PSNR against the noise level",
            "Where the errors sit",
        ),
        strict=True,
    )
)


def build(served: ServedModel) -> gr.Blocks:
    """Builds the page around a served model."""
    with gr.Blocks(
        title="Olivetti denoiser", analytics_enabled=False, delete_cache=(600, KEPT_SECONDS)
    ) as page:
        gr.Markdown(
            "# Olivetti denoiser\n"
            "A small neural network that removes Gaussian noise. It learned from 80 photographs "
            "of faces; try it on yours, or on anything else."
        )
        gr.Markdown(f"Serving {served}.", elem_classes="served")
        with gr.Tab("Demo"):
            demo_tab(page, served)
        with gr.Tab("Clean up"):
            clean_up_tab(page, served)
        with gr.Tab("Compare") as tab:
            compare_tab(page, tab, served)
        with gr.Tab("About"):
            about_tab(served)
    read_only_what_was_sent(page)
    return page.queue(max_size=WAITING, default_concurrency_limit=VISITORS_AT_ONCE)


def demo_tab(page: gr.Blocks, served: ServedModel) -> None:
    """A clean picture, the same with noise, and what the network makes of it."""
    restore = Batcher(served.denoiser, at_once=VISITORS_AT_ONCE)

    @told
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
            verdict: The figures as a table, and the gain in texts.
        """
        picture = uploads.read_upload(chosen(image))
        trial = trials.Trial.run(restore, gray_view(picture), sigma, seed)
        pictures = zip(
            ("original", "noisy", "reconstructed"),
            (trial.original, trial.noisy, trial.restored),
            strict=True,
        )
        return (
            *(png(pixels, name) for name, pixels in pictures),
            trial.figures,
            texts.verdict(trial.figures) + first_frame_note(picture),
        )

    first, *_ = examples("face_", "drawn_")
    shown = denoise(first, 0.1, 0)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, ready = picture(page, first)
            sigma, seed = controls()
            clickable = pictures_to_click(image, "face_", "drawn_")
        with gr.Column(scale=3):
            with gr.Row():
                outputs = [
                    shown_picture(label, value, pixels=True)
                    for label, value in zip(ALT, shown[:3], strict=False)
                ]
            figures = gr.JSON(shown[3], label="Figures", visible=False)
            with gr.Row():
                with gr.Column(min_width=300):
                    verdict = gr.Markdown(shown[4], label="Verdict", elem_classes="figures")
                with gr.Column(min_width=300):
                    slider = gr.HTML(label="Before and after")
    run_on(
        image,
        [sigma.release, seed.input],
        clickable,
        denoise,
        [image, sigma, seed],
        [*outputs, figures, verdict],
        api_name="denoise",
    )
    before_after((outputs[2].change, ready.then), outputs[1], outputs[2], slider)


def clean_up_tab(page: gr.Blocks, served: ServedModel) -> None:
    """A picture that is noisy already, restored in its own size and colours."""
    large, lane = Denoiser(served.denoiser.model), Lane()

    @told
    def restore(image: str, strength: float = 1.0, progress=gr.Progress()):  # noqa: B008
        """Remove the noise that a picture already has, keeping its size and its colours.

        Args:
            image: The noisy picture, of any format, up to 12 million pixels.
            strength: How much of the correction to apply, from 0 (untouched) to 1 (full).

        Returns:
            cleaned_up: The restored picture, a PNG of the same size; transparency is kept.
            estimate: The noise level that the network sees, in texts.
        """
        picture = uploads.read_upload(chosen(image), max_pixels=trials.MAX_CLEAN_PIXELS)

        def report(done, total):
            progress((done, total), unit="tiles", desc="Removing the noise")

        if max(picture.size) <= SMALL_SIDE:
            cleaned, sigma = trials.clean_up(served.denoiser, picture, strength)
        else:
            with lane.turn():
                cleaned, sigma = trials.clean_up(large, picture, strength, report)
        note = texts.noise_in_words(sigma) + first_frame_note(picture)
        return png(cleaned, "cleaned_up"), note

    first, *_ = examples("noisy_")
    shown = restore(first, 1.0)
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, ready = picture(page, first)
            strength = gr.Slider(
                0.0,
                1.0,
                1.0,
                step=0.05,
                label="Strength",
                info="0 leaves the picture untouched, 1 applies the full correction",
                elem_classes="releases",
            )
            clickable = pictures_to_click(image, "noisy_")
        with gr.Column(scale=3):
            estimate = gr.Markdown(shown[1], label="Estimate")
            with gr.Row():
                with gr.Column(min_width=300):
                    slider = gr.HTML(label="Before and after")
                with gr.Column(min_width=300):
                    cleaned = shown_picture("Cleaned up", shown[0])
    run_on(
        image,
        [strength.release],
        clickable,
        restore,
        [image, unchecked(strength)],
        [cleaned, estimate],
        api_name="restore",
    )
    before_after((cleaned.change, ready.then), image, cleaned, slider)


def compare_tab(page: gr.Blocks, tab: gr.Tab, served: ServedModel) -> None:
    """The same noisy picture through the network and through the classical methods."""

    @told
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
        picture = uploads.read_upload(chosen(image))
        view = gray_view(picture)
        entries = trials.contest(served.denoiser, view, sigma, seed)
        gallery = [
            (png(entry.restored, entry.name.lower().replace(" ", "_")), entry.caption)
            for entry in entries
        ]
        gallery.append((png(view, "original"), "Original"))
        note = first_frame_note(picture)
        return gallery, texts.contest_table(entries) + note, [entry.row for entry in entries]

    first, *_ = examples("face_", "drawn_")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            image, _ = picture(page, first)
            sigma, seed = controls()
            clickable = pictures_to_click(image, "face_", "drawn_")
        with gr.Column(scale=3):
            gallery = gr.Gallery(
                label="Best first",
                format="png",
                columns=4,
                object_fit="contain",
                elem_classes=["pixels", "contest"],
                interactive=False,
            )
            table = gr.Markdown(label="Table", elem_classes="figures")
            gr.Markdown(
                "The classical methods are told the noise level and are tuned on the training "
                "faces; the network estimates the level itself. Milliseconds are those of this "
                "server, the fastest of three runs."
            )
            rows = gr.JSON(label="Rows", visible=False)
    inputs, outputs = [image, sigma, seed], [gallery, table, rows]
    run_on(
        image,
        [sigma.release, seed.input],
        clickable,
        compare,
        inputs,
        outputs,
        api_name="compare",
    )
    # Computed when the tab is first opened: the classical methods' libraries take a second to load.
    tab.select(
        lambda *values: compare(*values[:3]) if not values[3] else [gr.skip()] * 3,
        [*inputs, rows],
        outputs,
        api_visibility="private",
    )


def about_tab(served: ServedModel) -> None:
    """What the model is, how good it is, and where its limits are."""
    gr.Markdown(f"## How good it is\n\n{released_figures(served)}", elem_classes="figures")
    with gr.Row():
        for name in PLOTS:
            if (served.folder / name).is_file():
                with gr.Column(min_width=480):
                    gr.Markdown(f"**{PLOT_NAMES[name]}**")
                    gr.Image(
                        str(served.folder / name),
                        show_label=False,
                        alt_text=PLOT_NAMES[name],
                        format="png",
                        interactive=False,
                        buttons=["download", "fullscreen"],
                    )
    gr.Markdown(ABOUT.format(name=served.repository or "OWNER/olivetti-denoiser"))


def released_figures(served: ServedModel) -> str:
    """The served model's own figures as a table, where it has some."""
    try:
        return texts.released_table(read_metrics(served.folder))
    except (ValueError, KeyError, TypeError):
        return "The model that serves now came without figures."


def picture(page: gr.Blocks, first: Path):
    """The input for a visitor's picture, and the event of its first one being there."""
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


def shown_instead(image: str | None):
    """A PNG of a picture that browsers cannot show, nothing for a file that is none."""
    try:
        copy = image and uploads.for_the_browser(image)
        return gr.skip() if copy is None else png(copy, "picture")
    except ValueError:
        return None


def controls() -> tuple[gr.Slider, gr.Number]:
    """The noise level and the seed."""
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


def unchecked(control):
    """Leaves it to the page's functions to say what is wrong with a number."""
    control.preprocess = lambda value: value
    return control


def shown_picture(label: str, value: str, pixels: bool = False) -> gr.Image:
    """An exact PNG that a visitor can download."""
    return gr.Image(
        value,
        label=label,
        format="png",
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes="pixels" if pixels else "enlarged",
        alt_text=ALT[label],
        min_width=100,
    )


def examples(*beginnings: str) -> list[Path]:
    """The example pictures whose names begin so, in that order."""
    return [path for start in beginnings for path in sorted(EXAMPLES.glob(f"{start}*.png"))]


def pictures_to_click(image: gr.Image, *beginnings: str) -> gr.Examples:
    """Thumbnails that put an example into the input."""
    return gr.Examples(
        [[str(path)] for path in examples(*beginnings)],
        inputs=image,
        label="Examples",
        api_visibility="private",
    )


def run_on(image, controls, clickable, function, inputs, outputs, api_name) -> None:
    """Runs a function when a picture arrives, a control is released or an example is clicked."""
    arrived = image.input(function, inputs, outputs, api_name=api_name, trigger_mode="always_last")
    arrived.then(
        shown_instead, image, image, queue=False, show_progress="hidden", api_visibility="private"
    )
    for event in (*controls, clickable.load_input_event.then):
        event(function, inputs, outputs, api_visibility="private", trigger_mode="always_last")


def before_after(events, before: gr.Image, after: gr.Image, slider: gr.HTML) -> None:
    """Draws the slider in the browser at each of the events."""
    draw = "(before, after) => window.beforeAfter(before, after, 'Before', 'After')"
    for event in events:
        event(None, [before, after], slider, js=draw, api_visibility="private")


def chosen(image: str | None) -> str:
    """The path of the picture, or the one sentence for having none."""
    if image is None:
        raise ValueError("Please choose a picture first.")
    return image


def first_frame_note(picture) -> str:
    """A sentence for those who sent an animation."""
    return "\n\nOnly the first frame was used." if uploads.frames_left_out(picture) else ""


def png(pixels, name: str) -> str:
    """Writes an exact PNG for the browser to fetch."""
    return served_file(uploads.encode_png(pixels), f"{name}.png")


def told(function):
    """Turns a visitor's mistake into one sentence, and our own into another."""

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


def main() -> None:
    """Loads the model and serves the page until interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that pictures are deleted at the end
    served = load_served_model(
        os.environ.get("MODEL_ID"),
        os.environ.get("MODEL_REVISION"),
        fallback=os.environ.get("BUNDLED_MODEL") or bundled("model_card"),
        timeout=HUB_SECONDS,
    )
    print(f"Serving {served}", flush=True)
    give_mcp_clients_every_output()
    tell_mcp_clients_the_same()
    script = (HERE / "page.js").read_text(encoding="utf-8")
    build(served).launch(
        max_file_size=uploads.MAX_BYTES,
        mcp_server=True,
        ssr_mode=False,
        footer_links=["api"],
        css_paths=HERE / "page.css",
        head=f"<script>{script}</script>",
    )


if __name__ == "__main__":
    main()
