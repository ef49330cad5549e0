"""The look of the plots: colours, axes, lines, grids of pictures, and how a plot is saved.

Every plot has its own white ground, so it reads the same on light and on dark pages. Colours are
those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind readers tell apart;
lines differ in marker too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from olivetti_denoiser.atomic import atomic_file
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.release import MODEL, NOISY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#222222", "#666666", "#dddddd"
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
# The model's own colour is vermilion and the input's is gray; others take these in turn.
COLOURS = (BLUE, "#E69F00", GREEN, "#CC79A7", "#56B4E9", "#000000", "#8C6D1F")
MARKERS = ("s", "^", "D", "v", "P", "X", "<")

DPI = 150
PIXELS = 3  # screen pixels a side for each pixel of a picture in the grid


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Returns a white figure of this size in inches.

    It is made without pyplot, which would keep it and is not safe in threads.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path, *, palette: bool = True) -> None:
    """Writes a figure as PNG.

    Args:
        figure: what to write.
        path: the file.
        palette: whether to keep 256 colours, which halves the file and holds every gray; a heat
            map has more.
    """
    from PIL import Image

    canvas = cast("FigureCanvasAgg", figure.canvas)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    if palette:
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    with atomic_file(path) as beside:
        picture.save(beside, format="PNG", optimize=True)


def decorate(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Gives axes their title, labels and grid."""
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_xlabel(x_label, fontsize=10, color=INK)
    axes.set_ylabel(y_label, fontsize=10, color=INK)
    axes.tick_params(labelsize=9, colors=INK, which="both")
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)


def plain_log_ticks(axes: Axes) -> None:
    """Labels a logarithmic axis 0.002, not 2×10⁻³, also where it spans less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def line_styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns each method's line as matplotlib's options; the model's is in front."""
    styles, turn = {}, 0
    for name in names:
        if name == MODEL:
            look = {"color": VERMILION, "marker": "o", "linewidth": 2.6, "zorder": 5}
        elif name == NOISY:
            look = {"color": "#888888", "marker": ".", "linewidth": 1.6, "linestyle": "--"}
        else:
            colour, marker = COLOURS[turn % len(COLOURS)], MARKERS[turn % len(MARKERS)]
            look = {"color": colour, "marker": marker, "linewidth": 1.4}
            turn += 1
        styles[name] = {"markersize": 5, **look}
    return styles


def picture_grid(
    rows: Sequence[tuple[str, np.ndarray, Sequence[str] | None]],
    labels: Mapping[int, str],
    path: str | Path,
    pixels: int = PIXELS,
) -> None:
    """Draws a grid of pictures, a column a picture.

    Args:
        rows: (title, N×H×W or N×H×W×C pictures in [0, 1], texts under the pictures or None).
        labels: what to write over each column, by the number of its picture.
        path: PNG file to write.
        pixels: side, in pixels of the file, of each pixel of a picture.
    """
    height, width = (side * pixels for side in rows[0][1].shape[1:3])
    left, top, gap, under = 178, 62, 14, 34  # pixels
    size = (
        left + len(labels) * (width + gap) + gap,
        top + len(rows) * (height + under) + gap,
    )
    figure = new_figure(size[0] / DPI, size[1] / DPI, layout=None)
    for line, (title, pictures, texts) in enumerate(rows):
        bottom = size[1] - top - (line + 1) * height - line * under
        figure.text(
            (left - 16) / size[0],
            (bottom + height / 2) / size[1],
            title,
            ha="right",
            va="center",
            fontsize=9,
            color=INK,
            weight="bold",
        )
        for column, (face, label) in enumerate(labels.items()):
            x = left + column * (width + gap)
            axes = figure.add_axes(
                (x / size[0], bottom / size[1], width / size[0], height / size[1])
            )
            # As RGB bytes, since a colour map would round some grays to their neighbour.
            picture = to_uint8(pictures[face]).reshape(*pictures.shape[1:3], -1)
            picture = np.broadcast_to(picture, (*picture.shape[:2], 3))
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
            middle = (x + width / 2) / size[0]
            if line == 0:
                figure.text(
                    middle,
                    (bottom + height + 8) / size[1],
                    label,
                    ha="center",
                    va="bottom",
                    fontsize=8,
                    color=INK,
                )
            if texts is not None:
                figure.text(
                    middle,
                    (bottom - 6) / size[1],
                    texts[face],
                    ha="center",
                    va="top",
                    fontsize=8,
                    color=INK,
                )
    save_figure(figure, path)
