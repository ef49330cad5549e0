"""Whether the visitor whose request is being worked on is still there.

check_presence()                    # in the page's function, between two parts of its work

Gradio 6.31 notes that a connection was closed, and lets a function that is no generator run on.
"""

from __future__ import annotations

import anyio.from_thread
import gradio as gr
from gradio.context import LocalContext


def check_presence() -> None:
    """Ends the work for a visitor who has left.

    Of those who wait in Gradio's queue (the page, its clients, `/call`) the stream of answers is
    looked at, of a direct request (`/run`) its own connection. Nobody has left a call from Python.

    Raises:
        gr.Error: the connection is closed; nobody reads it.
    """
    if _has_left():
        raise gr.Error("The visitor has left.", print_exception=False)


def _has_left():
    if event_id := LocalContext.event_id.get(None):
        event = LocalContext.blocks.get()._queue.event_ids_to_events.get(event_id)
        return event is not None and not event.alive
    request = LocalContext.request.get(None)
    return request is not None and anyio.from_thread.run(request.request.is_disconnected)
