"""How far `denoiser restore` is, on standard error.

>>> progress = Progress(pictures=12)
>>> progress(3, 8)                          # tiles of the first picture
"""

from __future__ import annotations

import shutil
import sys
import time

SAID_EVERY = 5.0  # seconds between two lines


class Progress:
    """Says on standard error how far the work is: in place on a terminal, else now and then.

    Args:
        pictures: how many are restored.

    Attributes:
        before: how many of them are done.
    """

    def __init__(self, pictures: int = 1):
        self.pictures, self.before = pictures, 0
        self._shown, self._started = 0, time.monotonic()
        self._said = self._started

    def __call__(self, done: int, total: int) -> None:
        """Say how many tiles of the picture are done, and about how long the rest will take."""
        now, share = time.monotonic(), self.before + done / total
        left = (now - self._started) / share * (self.pictures - share)
        text = f"{done} of {total} tiles, about {left:.0f} s left"
        if self.pictures > 1:
            text = f"picture {self.before + 1} of {self.pictures}, {text}"
        if sys.stderr.isatty():
            text = text[: shutil.get_terminal_size().columns - 1]
            print(f"\r{text:{self._shown}}", end="", file=sys.stderr, flush=True)
            self._shown = len(text)
        elif now - self._said >= SAID_EVERY:
            self._said = now
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away from a terminal, so that another may be printed."""
        if self._shown:
            print(f"\r{'':{self._shown}}\r", end="", file=sys.stderr, flush=True)
            self._shown = 0
