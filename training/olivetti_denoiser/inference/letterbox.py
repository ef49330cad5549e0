"""Bars and margins around a picture, which a network does not need to see.

    >>> picture = np.zeros((60, 40, 3), np.float32)
    >>> picture[20:50, :, 1] = np.random.default_rng(0).random((30, 40))
    >>> inside_frame(picture)
    (slice(20, 50, None), slice(0, 40, None))

A letterboxed film, a scan with white margins: rows and columns at the edges of one colour hold no
noise. The level of what is inside is estimated, and it is restored, as if it were the whole
picture; beside edges to black or white both would be worse.
"""

from __future__ import annotations

import numpy as np

THIN = 8  # pixels; thinner frames are restored with the picture


def inside_frame(picture: np.ndarray) -> tuple[slice, slice]:
    """Finds what is inside the plain rows and columns along the edges of a picture.

    Args:
        picture: H×W×C of any type.

    Returns:
        Its rows and columns: all of them where there is no frame, none where there is nothing else.
        Each edge has a colour of its own, the same for every pixel; noise, however weak, ends it.
    """
    rows = _between(picture)
    return rows, _between(picture[rows].swapaxes(0, 1))


def _between(lines):
    """The span of lines, L×P×C, without those at either end that have one colour."""
    first, last = _plain(lines), _plain(lines[::-1])
    if first + last >= len(lines):
        return slice(0, 0)
    return slice(first if first >= THIN else 0, len(lines) - (last if last >= THIN else 0))


def _plain(lines):
    """How many lines from the first on have the colour of its first pixel throughout."""
    differing = (index for index, line in enumerate(lines) if (line != lines[0, :1]).any())
    return next(differing, len(lines))
