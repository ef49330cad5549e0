"""A picture input for Gradio that hands over the visitor's own file, within bounds.

`gr.Image` decodes with Pillow before the page's function runs: a picture that it cannot read ends
in an error without words, alpha and 16 bits are lost, and a link is fetched whole, whatever its
size. `Upload` looks and behaves the same in the browser and gives the file's path.
"""

from __future__ import annotations

import base64
import binascii

import gradio as gr
import httpx
import safehttpx
from gradio import processing_utils
from gradio_client.utils import is_http_url_like

from training.views import MAX_BYTES

LINK_SECONDS = 10.0


class Upload(gr.Image):
    """An input for one picture; the function gets its path, or None when there is none."""

    is_template = True  # the browser's part is gr.Image's own

    def __init__(self, **kwargs):
        super().__init__(type="filepath", image_mode=None, format="png", **kwargs)

    def preprocess(self, payload) -> str | None:
        """Returns the path of the file that the visitor sent."""
        if payload is None:
            return None
        if payload.path is None and (payload.url or "").startswith("data:"):
            return self._from_data_url(payload.url)
        return payload.path

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        """Fetches a link from a public host up to the size that an upload may have."""
        if url_or_file_path is None or not is_http_url_like(str(url_or_file_path)):
            return await super().async_move_resource_to_block_cache(url_or_file_path)
        data = await _fetch(str(url_or_file_path))
        path = processing_utils.save_bytes_to_cache(data, "linked", self.GRADIO_CACHE)
        self.temp_files.add(path)
        return path

    def _from_data_url(self, url):
        if len(url) > MAX_BYTES * 4 // 3 + 100:
            raise gr.Error(_too_large(), print_exception=False)
        try:
            data = base64.b64decode(url.partition("base64,")[2], validate=True)
        except binascii.Error:
            raise gr.Error("The picture's base64 text is damaged.", print_exception=False) from None
        path = processing_utils.save_bytes_to_cache(data, "pasted", self.GRADIO_CACHE)
        self.temp_files.add(path)
        return path


async def _fetch(url):
    """Downloads a public address in bounded time and size, never one of this machine's network."""
    try:
        address = httpx.URL(url)
        transport = safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(address.host))
        async with (
            httpx.AsyncClient(transport=transport, timeout=LINK_SECONDS) as client,
            client.stream("GET", address) as response,
        ):
            if response.status_code != 200:
                raise gr.Error(
                    f"The link answered {response.status_code}; please send the picture itself.",
                    print_exception=False,
                )
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise gr.Error(_too_large(), print_exception=False)
            return bytes(data)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise gr.Error(
            "The link cannot be fetched; please send the picture itself.", print_exception=False
        ) from None


def _too_large():
    return f"The file is larger than {MAX_BYTES // 2**20} MB; please send a smaller one."
