"""A queue in which large pictures wait for each other, so that memory is bounded.

>>> lane = Lane(at_once=2)
>>> with lane.turn(check_presence):
...     cleaned = restore(picture)
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Callable, Iterator

SMALL = 2**18  # pixels; smaller pictures pass beside the lane
CHECKED_EVERY = 0.5  # seconds


class Lane:
    """A lane for large pictures.

    Args:
        at_once: Pictures that are worked on at a time; one takes up to half a gigabyte.
        waiting: Pictures that may wait for their turn.
    """

    def __init__(self, at_once: int = 2, waiting: int = 2):
        self._places = threading.Semaphore(at_once + waiting)
        self._turns = threading.Semaphore(at_once)

    @contextlib.contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Wait for a turn and hold it.

        Args:
            check: Called again and again while this waits, and once before the turn; an error that
                it raises gives the place to the next.

        Raises:
            ValueError: The lane is full: `waiting` pictures wait already.
        """
        if not self._places.acquire(blocking=False):
            raise ValueError(
                "Other large pictures are being worked on; please try again in a minute."
            )
        try:
            while not self._turns.acquire(timeout=CHECKED_EVERY):
                check()
            try:
                check()
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()
            _give_back()


def _give_back():
    """Give back what the C library keeps of a large picture's memory, where it has such a call."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
