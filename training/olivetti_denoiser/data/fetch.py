"""All 400 Olivetti faces, from scikit-learn's cache or its download, and no other pictures.

>>> images, subjects = fetch_faces()               # uint8 400×64×64, int 400
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from olivetti_denoiser.errors import FacesUnavailableError
from olivetti_denoiser.noise import to_uint8

CACHED = "olivetti_py3.pkz"  # scikit-learn's own name for its file
# SHA-256 of the 8-bit pixels.
CHECKSUM = "81eaaeae7d0d4c4393258cc7171df73003501639b76d07c54eb2da0f600624a2"


def fetch_faces(*, download: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Read all 400 faces from scikit-learn's cache, downloading them the first time.

    Args:
        download: Whether to download what is not cached.

    Returns:
        uint8 400×64×64 pictures and the int subject of each, in the original file's order.

    Raises:
        FacesUnavailableError: No cached copy and no download, or the cached file holds anything
            else than these faces; the message names the file and says what to do.
    """
    from sklearn.datasets import fetch_olivetti_faces

    home = os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
    file = Path(home, CACHED).expanduser()
    cached = file.exists()
    try:
        with np.errstate(all="ignore"):  # the file may hold no pictures
            bunch = fetch_olivetti_faces(shuffle=False, n_retries=1, download_if_missing=download)
            images = to_uint8(bunch.images)
        if hashlib.sha256(images.tobytes()).hexdigest() != CHECKSUM:
            raise ValueError("other pictures")
    except Exception as error:  # unpickling may raise anything
        # An OSError without a file is one of urllib or of its socket.
        lost = not cached and isinstance(error, OSError)
        state = "is missing, and its download fails" if lost else "does not hold the Olivetti faces"
        raise FacesUnavailableError(
            f"The file {file} {state} ({type(error).__name__}: {error}). Any one of these helps: "
            "run the command again with a connection to the internet, after deleting the file if "
            f"it is there; set SCIKIT_LEARN_DATA to a folder that holds {CACHED}; or train from a "
            "published copy with --dataset OWNER/NAME."
        ) from None
    return images, np.asarray(bunch.target)
