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
OTHERWISE = (
    f"or set SCIKIT_LEARN_DATA to a folder that holds {CACHED}; "
    "or train from a published copy with --dataset OWNER/NAME."
)


def fetch_faces(*, download: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Reads all 400 faces from scikit-learn's cache, downloading them the first time.

    Args:
        download: whether to download what is not cached.

    Returns:
        uint8 400×64×64 pictures and the int subject of each, in the original file's order.

    Raises:
        FacesUnavailableError: no cached copy and no download, or the cached file holds anything
            else than these faces; the message names the file and says what to do.
    """
    from sklearn.datasets import fetch_olivetti_faces

    home = os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
    file = Path(home, CACHED).expanduser()
    cached = file.exists()
    try:
        with np.errstate(all="ignore"):  # of scikit-learn's arithmetic with what is no picture
            bunch = fetch_olivetti_faces(shuffle=False, n_retries=1, download_if_missing=download)
            images = to_uint8(bunch.images)
        if hashlib.sha256(images.tobytes()).hexdigest() != CHECKSUM:
            raise ValueError("its pictures are others")
    except Exception as error:  # what is unpickled may raise anything
        if not cached and isinstance(error, OSError):  # urllib's and the socket's are OSErrors
            raise FacesUnavailableError(
                f"The Olivetti faces are neither in scikit-learn's cache ({file.parent}) nor could "
                f"they be downloaded ({error}). Any one of these helps: connect to the internet "
                f"and run the command again; {OTHERWISE}"
            ) from None
        in_words = isinstance(error, (OSError, ValueError)) and str(error)
        why = in_words or type(error).__name__  # of a KeyError the key says nothing
        raise FacesUnavailableError(
            f"The file {file} does not hold the Olivetti faces ({why}). Any one of these helps: "
            f"delete it, and the next run downloads them; {OTHERWISE}"
        ) from None
    return images, np.asarray(bunch.target)
