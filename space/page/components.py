"""Two parts of Gradio as the page needs them: the picture input, and what MCP clients get.

    image = picture_input(label="Your picture")
    give_mcp_clients_every_output()

`gr.Image` decodes with Pillow before the page's function runs: a picture that it cannot read ends
in an error without words, alpha and 16 bits are lost, and a link is fetched whole, whatever its
size. The input here looks the same in the browser and gives the path of the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import MethodType
from typing import Any

import gradio as gr
import httpx
import safehttpx
from anyio.to_thread import run_sync
from gradio import utils
from gradio.mcp import GradioMCPServer
from gradio_client.utils import is_http_url_like

from olivetti_denoiser.atomic import atomic_write
from page.uploads import MAX_BYTES
from page.visitors_files import sent_here

LINK_SECONDS = 10.0


def picture_input(**options: Any) -> gr.Image:
    """Creates an input for one picture; the page's function gets a path, or None for no picture.

    The methods are replaced on the object: of a subclass Gradio would write an interface file
    beside this module.

    Args:
        **options: as for `gr.Image`.
    """
    image = gr.Image(type="filepath", image_mode=None, format="png", **options)
    image.preprocess = lambda payload: sent_here(payload.path) if payload else None
    image.async_move_resource_to_block_cache = MethodType(_keep, image)
    return image


def served_file(content: bytes, name: str) -> str:
    """Writes a file that the page may serve, under an address that its content determines.

    The file takes its place whole: Gradio's own writer empties a file that another visitor, who
    made the same picture, may be downloading.

    Args:
        content: the file's bytes.
        name: what it is called when downloaded.
    """
    folder = Path(utils.get_upload_folder()) / hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / name, content)
    return str(folder / name)


def give_mcp_clients_every_output() -> None:
    """Makes tools answer with their outputs one by one, pictures as pictures.

    Gradio 6.31 hands a queued tool's outputs over as one text, unless the client asks for progress.
    """

    async def outputs(server, job):
        result = await run_sync(job.result)
        return list(result) if isinstance(result, tuple) else [result]

    GradioMCPServer._execute_tool_without_progress = outputs


async def _keep(image, url_or_file_path):
    """Keeps an uploaded file; fetches a link up to the size that an upload may have."""
    if url_or_file_path is None or not is_http_url_like(str(url_or_file_path)):
        return await gr.Image.async_move_resource_to_block_cache(image, url_or_file_path)
    data = await _fetch(str(url_or_file_path))
    path = served_file(data, "linked")
    image.temp_files.add(path)
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
                    raise gr.Error(
                        f"The file is larger than {MAX_BYTES // 2**20} MB; "
                        "please send a smaller one.",
                        print_exception=False,
                    )
            return bytes(data)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise gr.Error(
            "The link cannot be fetched; please send the picture itself.", print_exception=False
        ) from None
