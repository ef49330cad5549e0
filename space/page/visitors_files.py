"""Which files the page reads: those that visitors sent to it, and those that it made for them.

    read_only_what_was_sent(page)       # a `gr.Blocks`

Gradio 6.31 checks the path of a file in a request only where the request says that it is one: a
picture without `meta`, or a stream, is read from wherever its path leads. The temporary folder
that Gradio keeps uploads in is also that of every other Gradio app of the same user.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

NOT_SENT = "This page reads only pictures that were sent to it; please choose a picture."


def sent_here(path: str) -> str:
    """Returns the path of a file that was uploaded to this page, or that it made.

    Raises:
        gr.Error: it is any other file, or none; in the same words, so that nobody learns which.
    """
    import gradio as gr
    from gradio.utils import get_upload_folder

    try:
        whole = Path(path).resolve()
        if whole.is_relative_to(Path(get_upload_folder()).resolve()) and whole.is_file():
            return str(whole)
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, links in a circle
        pass
    raise gr.Error(NOT_SENT, print_exception=False)


def read_only_what_was_sent(page: gr.Blocks) -> None:
    """Makes a page look at every path in a request before Gradio does.

    Args:
        page: all of it. Links are left to the inputs, which fetch them or refuse.
    """
    preprocess = page.preprocess_data

    async def careful(block_fn, inputs, *arguments, **options):
        for value in inputs:
            _check(value)
        return await preprocess(block_fn, inputs, *arguments, **options)

    page.preprocess_data = careful


def tell_mcp_clients_the_same() -> None:
    """Makes tools refuse a path in the same words as the page does."""
    from gradio.mcp import GradioMCPServer

    convert = GradioMCPServer.convert_strings_to_filedata

    def careful(server, value, positions):
        try:
            return convert(server, value, positions)
        except ValueError:
            raise ValueError(NOT_SENT) from None

    GradioMCPServer.convert_strings_to_filedata = careful


def _check(value):
    """Refuses a value that names a file which was not sent here."""
    from gradio_client.utils import is_http_url_like

    if isinstance(value, list):
        for part in value:
            _check(part)
    elif isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and not is_http_url_like(path):
            sent_here(path)
        for part in value.values():
            _check(part)
