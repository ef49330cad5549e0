"""Where the files lie that come with the code: the released models and the page.

In a checkout they are folders beside `training/`; in a Space they lie beside this package; a wheel
carries them inside it.

    >>> bundled("model_card").name
    'model_card'
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
PLACES = (PACKAGE / "bundled", PACKAGE.parent, PACKAGE.parents[1])  # wheel, Space, checkout


def bundled(name: str) -> Path:
    """Return the folder of that name, such as "model_card" or "space".

    Raises:
        FileNotFoundError: This copy of the code came without it.
    """
    for place in PLACES:
        if (place / name).is_dir():
            return place / name
    raise FileNotFoundError(f"this installation came without its folder {name!r}")
