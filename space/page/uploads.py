"""A visitor's file, from the request to a picture in memory, and pictures as PNG.

    file = await received(file)                  # of a request: sent to this page, or a link
    picture = read_upload(file["path"])          # PIL image, first frame, upright, in sRGB
    encode_png(picture)                          # bytes, lossless

Every refusal is a `ValueError` of one sentence that a visitor can act on. Nothing here needs
Gradio.
"""

from __future__ import annotations

import hashlib
import io
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.read import DamagedPictureError, TooLargeError, decode_picture
from page.limits import MEGABYTES, MEGAPIXELS

BROWSERS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")  # what browsers show
LINK_SECONDS = 10.0
MAX_BYTES = MEGABYTES * 2**20
NOT_SENT = "This page reads only pictures that were sent to it; please choose a picture."
NOTES = "notes"  # of a picture's `info`: sentences about what it lacks of its file


async def received(file: dict[str, Any]) -> dict[str, Any]:
    """Return a request's file as a file on this page's server; download it if it is a link.

    Args:
        file: Gradio's description of a file, with a "path".

    Raises:
        ValueError: The path leads anywhere else; the same sentence whether a file is there or not.
    """
    path = file["path"]
    if path.startswith(("http://", "https://")):
        path = keep(await _fetch(path), "linked")
    try:
        whole, folder = Path(path).resolve(), _folder().resolve()
        sent_here = whole.is_relative_to(folder) and whole.is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, links in a circle
        sent_here = False
    if not sent_here:
        raise ValueError(NOT_SENT)
    return {**file, "path": str(whole), "meta": {"_type": "gradio.FileData"}}


def keep(content: bytes, name: str) -> str:
    """Write a file that the page may serve, under an address that its content determines.

    The write is atomic: Gradio's own writer empties a file that another visitor, who made the same
    picture, may be downloading.

    Args:
        content: The file's bytes.
        name: The file's name when it is downloaded.
    """
    folder = _folder() / hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / name, content)
    return str(folder / name)


def read_upload(path: str | PathLike, megapixels: float = MEGAPIXELS) -> Image.Image:
    """Read a stranger's picture file: first frame, upright, in sRGB.

    The size is checked before a pixel is decoded.

    Args:
        path: The file; its name's ending does not matter.
        megapixels: The largest picture to decode.

    Returns:
        The picture with its file's `format`; see also `notes_of`.

    Raises:
        ValueError: The file is no picture, is damaged, or is too large.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"The file is larger than {MEGABYTES} MB; please save it smaller.")
    try:
        file = decode_picture(path.read_bytes(), "", int(megapixels * 1e6))
    except TooLargeError:
        raise ValueError(
            f"The picture is too large: up to {megapixels:g} million pixels work, so please make "
            "it smaller."
        ) from None
    except DamagedPictureError:
        raise ValueError(
            "The file is damaged or cut short; please send it again or save it as a new PNG."
        ) from None
    picture = to_srgb(file.image)
    picture.format = file.format
    deep = [] if file.pixels16 is None else ["Of 16 bits a colour 8 are used."]
    picture.info[NOTES] = [*file.notes, *deep]
    return picture


def notes_of(picture: Image.Image) -> str:
    """Return a paragraph on what `read_upload` left out of a picture's file; empty for nothing."""
    notes = " ".join(picture.info[NOTES])
    return f"\n\n{notes}" if notes else ""


def encode_png(picture: np.ndarray | Image.Image) -> bytes:
    """Encode a picture as PNG, the same bytes for the same pixels.

    Args:
        picture: uint8 array H×W or H×W×3, or a PIL image in sRGB; floats become 16 bits.
    """
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    if picture.mode == "F":
        values = np.rint(np.clip(np.asarray(picture), 0.0, 1.0) * 65535.0)
        picture = Image.fromarray(values.astype(np.uint16))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1 if picture.width * picture.height > 2**20 else 6)
    return buffer.getvalue()


def _folder():
    """Return the folder that Gradio keeps this page's files in."""
    return Path(os.environ["GRADIO_TEMP_DIR"])


async def _fetch(url):
    """Download a public address in bounded time and size, never one of this machine's network."""
    import httpx
    import safehttpx

    try:
        address = httpx.URL(url)
        transport = safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(address.host))
        async with (
            httpx.AsyncClient(transport=transport, timeout=LINK_SECONDS) as client,
            client.stream("GET", address) as response,
        ):
            response.raise_for_status()
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise ValueError
            return bytes(content)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise ValueError(
            f"The link cannot be fetched, or its file is larger than {MEGABYTES} MB; please send "
            "the picture itself."
        ) from None
