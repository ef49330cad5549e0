"""Standard streams: open the closed ones, and let standard output take any character.

>>> open_closed_streams()
>>> print_any_character()
>>> print("σ = 0.1, 写真")                  # under cp1252: \u03c3 = 0.1, \u5199\u771f
"""

from __future__ import annotations

import io
import os
import sys


def open_closed_streams() -> None:
    """Put an empty file in the place of each standard stream that the parent process has closed.

    Python has None there, as under pythonw, and the next file to be opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            file = open(os.devnull, mode, errors="backslashreplace")  # noqa: PTH123, SIM115
            setattr(sys, name, file)


def print_any_character() -> None:
    r"""Make standard output write `\uXXXX` for characters that its encoding lacks.

    Standard error does so already. Redirected output has the encoding of the system, on Windows
    cp1252, cp437 or cp932, and would otherwise end a command whose work is done.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # there is another in Jupyter
        sys.stdout.reconfigure(errors="backslashreplace")
