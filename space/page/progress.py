"""How far a picture is, and how long it still takes, in words.

>>> left = TimeLeft()
>>> left.words(1, 24)
'tile 1 of 24'
>>> left.words(3, 24)                            # doctest: +SKIP
'tile 3 of 24, about 10 s left'
"""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Foretells the rest of a work of equal parts from the parts that are done.

    The time before the first part is done counts for nothing: the noise is estimated in it.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._first: tuple[int, float] | None = None

    def words(self, done: int, total: int) -> str:
        """Says which part is done, and from the second one on how long the rest takes."""
        now = self._clock()
        line = f"tile {done} of {total}"
        if self._first is None:
            self._first = done, now
            return line
        parts, began = self._first
        if done <= parts:
            return line
        seconds = (now - began) / (done - parts) * (total - done)
        return f"{line}, {_left(seconds)}"


def _left(seconds):
    if seconds < 1.0:
        return "almost done"
    if seconds < 90.0:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60.0:.0f} min left"
