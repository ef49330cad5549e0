"""The look of the plots: colours, axes, lines, grids of pictures, and how a plot is saved.

Every plot has its own white ground, so it reads the same on light and on dark pages. Colours are
those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind readers tell apart;
lines differ in marker too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from olivetti_denoiser.atomic import atomic_file
from olivetti_denoiser.noise import to_uint8

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#222222", "#666666", "#dddddd"
BLUE, VERMILION = "#0072B2", "#D55E00"

DPI = 150
PIXELS = 3  # screen pixels a side for each pixel of a picture in the grid


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return a white figure of this size in inches.

    It is made without pyplot, which would keep it and is not safe in threads.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)


def save_figure(figure: Figure, path: str | Path, *, palette: bool = True) -> None:
    """Write a figure as PNG.

    Args:
        figure: What to write.
        path: The file.
        palette: Whether to keep 256 colours, which halves the file and holds every gray; a heat
            map has more.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    drawn = io.BytesIO()
    FigureCanvasAgg(figure).print_png(drawn)  # `savefig` would heed settings such as savefig.bbox
    picture = Image.open(drawn).convert("RGB")
    if palette:
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    with atomic_file(path) as beside:
        picture.save(beside, format="PNG", optimize=True)


def decorate(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Give axes their title, labels and grid."""
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_xlabel(x_label, fontsize=10, color=INK)
    axes.set_ylabel(y_label, fontsize=10, color=INK)
    axes.tick_params(labelsize=9, colors=INK, which="both")
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)


def plain_log_ticks(axes: Axes) -> None:
    """Label a logarithmic axis 0.002, not 2×10⁻³, also where it spans less than a decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def picture_grid(
    rows: Sequence[tuple[str, Sequence[np.ndarray] | np.ndarray, Sequence[str] | None]],
    labels: Sequence[str],
    path: str | Path,
    pixels: int = PIXELS,
) -> None:
    """Draw a grid of pictures, a column for each picture.

    Args:
        rows: (title, pictures H×W×1 or H×W×3, uint8 or in [0, 1], texts under them or None).
        labels: What to write over each column.
        path: PNG file to write.
        pixels: Side, in pixels of the file, of each pixel of a picture.
    """
    height, width = (side * pixels for side in rows[0][1][0].shape[:2])
    left, top, gap, under = 178, 62, 14, 34  # pixels
    across = left + len(labels) * (width + gap) + gap
    down = top + len(rows) * (height + under) + gap
    figure = new_figure(across / DPI, down / DPI, layout=None)
    write = partial(figure.text, transform=None, fontsize=8, color=INK)  # places in pixels
    for line, (title, pictures, texts) in enumerate(rows):
        bottom = down - top - (line + 1) * height - line * under
        middle = bottom + height / 2
        write(left - 16, middle, title, ha="right", va="center", fontsize=9, weight="bold")
        for column, picture in enumerate(pictures):
            x = left + column * (width + gap)
            # As RGB bytes, since a colour map would round some grays to their neighbour.
            shown = picture if picture.dtype == np.uint8 else to_uint8(picture)
            shown = shown.reshape(*picture.shape[:2], -1)
            shown = np.broadcast_to(shown, (*shown.shape[:2], 3))
            shown = shown.repeat(pixels, axis=0).repeat(pixels, axis=1)
            figure.figimage(shown, x, bottom, origin="upper")
            if line == 0:
                write(x + width / 2, bottom + height + 8, labels[column], ha="center", va="bottom")
            if texts is not None:
                write(x + width / 2, bottom - 6, texts[column], ha="center", va="top")
    save_figure(figure, path)
