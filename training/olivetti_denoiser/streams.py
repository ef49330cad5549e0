"""Standard output that takes any character, whatever encoding it was given.

>>> print_any_character()
>>> print("σ = 0.1, 写真")                  # under cp1252: \u03c3 = 0.1, \u5199\u771f
"""

from __future__ import annotations

import io
import sys


def print_any_character() -> None:
    r"""Make standard output write `\uXXXX` for what its encoding lacks, as standard error does.

    Redirected output has the encoding of the system, on Windows cp1252, cp437 or cp932, and would
    otherwise end a command whose work is done.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # there is none under pythonw, another in Jupyter
        sys.stdout.reconfigure(errors="backslashreplace")
