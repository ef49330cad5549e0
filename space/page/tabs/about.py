"""The About tab: what the model is, how good it is, and where its limits are."""

from __future__ import annotations

import gradio as gr

from olivetti_denoiser.figures import read_metrics
from olivetti_denoiser.model_folder import COMPARISON, CURVES, ERRORS, LEVELS
from page import texts
from page.limits import limits_in_words
from page.serving import ServedModel, ServedModels

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

{limits_of_the_network}
What is drawn in place of the noise is a guess. Do not use it for evidence, for medicine, or to
recognise people.

## Use it

```python
import keras

model = keras.saving.load_model("hf://{name}")
```

{use_of_colour}Demo, Clean up and Compare also answer as an API and as tools for agents: see
*Use via API* below.

## Limits of this page

{limits}
"""

GRAY_ALONE = """\
It knows soft Gaussian noise on small gray pictures. It was not made for JPEG blocks, blur, film
grain, scratches, or pictures much larger than 64×64: there it may smooth away what is real, or
leave the noise."""
WITH_COLOUR = """\
The gray network knows soft Gaussian noise on small gray pictures. Clean up restores colour
pictures with a second network. It learned from collages of the same eighty faces, which were given
colours and the noise of a camera; no photograph in colour was among them. Neither was made for
strong JPEG blocks, blur or scratches: there they may smooth away what is real, or leave the
noise."""


def about_tab(models: ServedModels) -> None:
    """Adds the tab's contents."""
    served = models.gray
    gr.Markdown(f"## How good it is\n\n{_figures(served)}", elem_classes="figures")
    with gr.Row():
        for name, title in PLOTS.items():
            if (served.folder / name).is_file():
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
    use_of_colour = ""
    if models.colour is not None and models.colour.repository:
        use_of_colour = f"The network for colour is `hf://{models.colour.repository}`. "
    gr.Markdown(
        ABOUT.format(
            name=served.repository or "OWNER/olivetti-denoiser",
            limits_of_the_network=GRAY_ALONE if models.colour is None else WITH_COLOUR,
            use_of_colour=use_of_colour,
            limits=limits_in_words(),
        )
    )


def _figures(served: ServedModel):
    """The served model's own figures as a table, where it has some."""
    try:
        return texts.released_table(read_metrics(served.folder))
    except (ValueError, KeyError, TypeError):
        return "The model that serves now came without figures."
