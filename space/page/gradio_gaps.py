"""Behaviour that Gradio 6.31 lacks: every use of its private objects is in this file.

with Page() as page: ...
give_mcp_clients_every_output()              # before `page.launch(mcp_server=True)`
check_presence()                             # between two parts of a function's work
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from anyio.to_thread import run_sync
from gradio.context import LocalContext
from gradio.mcp import GradioMCPServer
from gradio_client.utils import async_traverse, is_file_obj

from page.uploads import received


class Page(gr.Blocks):
    """A page that looks at the files of every request before Gradio does.

    Gradio checks a file's path only where the request says that it is one: a picture without
    `meta`, or a stream, is read from wherever its path leads. A link it downloads whole, whatever
    its size. A version whose components check each path, and that bounds downloads, needs no
    `received`.

    Inputs that a request leaves out at its end get the values that the page starts with, so that
    programs which know an endpoint's first arguments go on when it gets another one.
    """

    async def preprocess_data(
        self, block_fn: Any, inputs: list, *arguments: Any, **options: Any
    ) -> list:
        """Receive the files of a request, then go on as Gradio does."""
        try:
            inputs = await async_traverse(inputs, received, is_file_obj)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        left_out = [getattr(block, "value", None) for block in block_fn.inputs[len(inputs) :]]
        return await super().preprocess_data(block_fn, [*inputs, *left_out], *arguments, **options)


def give_mcp_clients_every_output() -> None:
    """Make tools answer with their outputs one by one, pictures as pictures.

    Gradio hands a queued tool's outputs over as one text, unless the client asks for progress. A
    version that makes a list of a tuple there needs no patch.
    """

    async def outputs(server, job):
        result = await run_sync(job.result)
        return list(result) if isinstance(result, tuple) else [result]

    GradioMCPServer._execute_tool_without_progress = outputs  # type: ignore[method-assign]


def check_presence() -> None:
    """End the work for a visitor who has left.

    Gradio notes that the stream of answers was closed, and lets a function that is no generator run
    on; a version that ends such functions needs no check. A call from Python has no visitor who
    could leave.

    Raises:
        gr.Error: The stream is closed; nobody reads it.
    """
    if event_id := LocalContext.event_id.get(None):
        event = LocalContext.blocks.get()._queue.event_ids_to_events.get(event_id)
        if event is not None and not event.alive:
            raise gr.Error("The visitor has left.", print_exception=False)
