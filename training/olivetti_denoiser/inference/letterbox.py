"""The letterbox border of a picture: bars and margins, which a network does not need to see.

    >>> picture = np.zeros((3, 60, 40), np.float32)
    >>> picture[1, 20:50] = np.random.default_rng(0).random((30, 40))
    >>> inside_letterbox(picture)
    (slice(20, 50, None), slice(0, 40, None))

The bars of a letterboxed film and the white margins of a scan hold no noise: their rows and columns
have one colour. The inside is estimated and restored as if it were the whole picture; an edge to
black or white would make both the estimate and the restored picture worse.
"""

from __future__ import annotations

import numpy as np

THIN = 8  # pixels; thinner borders are restored with the picture


def inside_letterbox(channels: np.ndarray) -> tuple[slice, slice]:
    """Find the inside of the plain rows and columns along the edges of a picture.

    Args:
        channels: C×H×W of any type.

    Returns:
        The rows and columns of the inside: all of them where there is no border, none where all is
        border. Each edge of the border has one colour of its own; noise, however weak, ends it.
    """
    rows = _between(np.moveaxis(channels, 0, -1))
    return rows, _between(np.moveaxis(channels[:, rows], 0, -1).swapaxes(0, 1))


def _between(lines):
    """Return the span of lines, L×P×C, without the lines of one colour at either end."""
    first, last = _plain(lines), _plain(lines[::-1])
    if first + last >= len(lines):
        return slice(0, 0)
    return slice(first if first >= THIN else 0, len(lines) - (last if last >= THIN else 0))


def _plain(lines):
    """Return how many lines from the first on have the colour of its first pixel throughout."""
    differing = (index for index, line in enumerate(lines) if (line != lines[0, :1]).any())
    return next(differing, len(lines))
