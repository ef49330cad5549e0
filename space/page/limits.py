"""How much work the page takes on, and the same told to visitors.

>>> limits_in_words().startswith("Up to 20 MB")
True
"""

from __future__ import annotations

from page import trials, uploads

VISITORS_AT_ONCE = 8
VISITORS_WAITING = 200
KEPT_SECONDS = 3600  # how long pictures stay on the server


def limits_in_words() -> str:
    """Says what a visitor may send, and what happens to it."""
    return (
        f"- A file has at most {uploads.MAX_BYTES // 2**20} MB and "
        f"{uploads.MAX_PIXELS / 1e6:.0f} million pixels; in Clean up "
        f"{trials.MAX_CLEAN_PIXELS // 10**6} million.\n"
        f"- A picture gets {trials.MAX_SECONDS / 60:.0f} minutes of work.\n"
        f"- At most {VISITORS_WAITING} visitors wait in the queue.\n"
        f"- Pictures are deleted from the server after {KEPT_SECONDS // 60} minutes and used for "
        "nothing else."
    )
