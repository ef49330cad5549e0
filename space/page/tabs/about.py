"""The About tab: what the model is, how good it is, and where its limits are."""

from __future__ import annotations

import gradio as gr

from olivetti_denoiser.figures import read_metrics
from olivetti_denoiser.model_folder import COMPARISON, CURVES, ERRORS, LEVELS
from page import texts
from page.limits import limits_in_words
from page.serving import Served

PLOTS = {
    CURVES: "Training and validation loss",
    COMPARISON: "Noisy, reconstructed and original test faces",
    LEVELS: "PSNR against the noise level",
    ERRORS: "Where the errors sit",
}
ABOUT = """
## What it learned from

Eighty of the 400 photographs in the Olivetti faces database. They show forty people, ten pictures
each, gray, 64×64 pixels, taken between April 1992 and April 1994. Credit is due to AT&T
Laboratories Cambridge. The test faces above are twenty other photographs of the same people, so
the figures say nothing about people whom the network never saw. The remaining 300 faces are
measured in the model's card.

## What it is not good for

The gray network knows soft Gaussian noise on small gray pictures; Demo and Compare show it. Clean
up also has a network for colour, for the noise of cameras. It learned from collages of the same
eighty faces, which were given colours and such noise; no photograph in colour was among them.
Neither was made for strong JPEG blocks, blur, film grain or scratches: there they may smooth away
what is real, or leave the noise. What is drawn in place of the noise is a guess. Do not use it for
evidence, for medicine, or to recognise people.

## Use it

```python
from olivetti_denoiser import Denoiser

restored = Denoiser.from_pretrained("{name}")("photo.jpg")
```

The model's repository says how to install it. Keras alone opens the gray network:
`keras.saving.load_model("hf://{name}")`. Demo, Clean up and Compare also answer as an API and as
tools for agents: see *Use via API* below.

## Limits of this page

{limits}

## Whose pictures these are

The examples of Clean up were made from a photograph by Rachel Michetti, a photograph by Lav
Varshney (both CC0, from scikit-image) and the first lines of *Alice's Adventures in Wonderland*;
their noise is ours.
"""


def about_tab(served: Served) -> None:
    """Adds the tab's contents."""
    gr.Markdown(f"## How good it is\n\n{_figures(served.folder)}", elem_classes="figures")
    with gr.Row():
        for name, title in PLOTS.items():
            if served.folder is not None and (served.folder / name).is_file():
                with gr.Column(min_width=480):
                    gr.Markdown(f"**{title}**")
                    gr.Image(
                        str(served.folder / name),
                        show_label=False,
                        alt_text=title,
                        format="png",
                        interactive=False,
                        buttons=["download", "fullscreen"],
                        elem_classes="plot",
                    )
    name = served.repository or "OWNER/olivetti-denoiser"
    gr.Markdown(ABOUT.format(name=name, limits=limits_in_words()))


def _figures(folder):
    """The gray network's own figures as a table, where it has some."""
    try:
        return texts.released_table(read_metrics(folder))
    except (ValueError, KeyError, TypeError):
        return "The gray network that serves now came without figures."
