"""Visitors who wait together share one forward pass.

>>> restore = Batcher(denoiser)
>>> restored = restore(noisy)                # from any number of threads at once
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np

CHECKED_EVERY = 0.5  # seconds


class Batcher:
    """Gathers the pictures of waiting threads and restores them as one batch.

    Nobody waits for company: while a pass runs the next visitors gather, and the first of them
    to get the turn takes all of them along.

    Args:
        restore: from N×H×W×1 to the same, and the same for each picture whatever N is.
        at_once: the largest batch.
    """

    def __init__(self, restore: Callable[[np.ndarray], np.ndarray], at_once: int = 8):
        self._restore = restore
        self._at_once = at_once
        self._turn = threading.Lock()
        self._gathering = threading.Lock()
        self._waiting: list[_Place] = []

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Restores one H×W picture; all pictures of one `Batcher` have one shape and dtype."""
        place = _Place(picture)
        with self._gathering:
            self._waiting.append(place)
        while place.restored is None and place.error is None:
            with self._turn:
                if place.restored is None and place.error is None:
                    self._serve()
        if place.error is not None:
            raise place.error
        return place.restored

    def _serve(self):
        """Restores those who wait, the longest first."""
        with self._gathering:
            places = self._waiting[: self._at_once]
            del self._waiting[: self._at_once]
        self._pass(places)

    def _pass(self, places):
        """Restores the pictures of some visitors; one that cannot be is no harm to the others."""
        try:
            batch = np.stack([place.picture for place in places])[..., None]
            for place, restored in zip(places, self._restore(batch), strict=True):
                place.restored = restored[..., 0]
        except Exception as error:  # each visitor's own thread has to end
            if len(places) == 1:
                places[0].error = error
                return
            for place in places:
                self._pass([place])


class _Place:
    """One visitor's place in the queue."""

    def __init__(self, picture) -> None:
        self.picture = picture
        self.restored = None
        self.error = None


class Lane:
    """A lane for large pictures, beside which the small ones pass.

    Args:
        at_once: pictures that are worked on at a time.
        waiting: pictures that may wait for their turn.
    """

    def __init__(self, at_once: int = 2, waiting: int = 2):
        self._places = threading.Semaphore(at_once + waiting)
        self._turns = threading.Semaphore(at_once)

    @contextlib.contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Waits for a turn and holds it.

        Args:
            check: called again and again while this waits, and once before the turn; what it raises
                gives the place to the next.

        Raises:
            ValueError: as many wait as may; one sentence.
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
