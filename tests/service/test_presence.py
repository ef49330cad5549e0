"""A visitor who leaves ends the work on their picture, in whichever way it was asked for."""

from __future__ import annotations

import io
import json
import socket
import time

import httpx
import numpy as np
import pytest
from PIL import Image

# Seconds of the processor. The picture takes over eight; one tile, which may be at work, and
# whatever else is under way take less.
ENOUGH = 4.0


def asks_directly(page, body):
    """Somebody whose connection to `/run` is open; closing it is leaving."""
    head = f"POST /gradio_api/run/restore HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", page.port))
    connection.sendall(head.encode() + body)
    return connection


def asks_by_the_queue(page, body):
    """Somebody who waits for the answer of `/call`."""
    http = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=300)
    json_type = {"Content-Type": "application/json"}
    event = http.post("/call/restore", content=body, headers=json_type).json()["event_id"]
    http.send(http.build_request("GET", f"/call/restore/{event}"), stream=True)
    return http


@pytest.mark.parametrize("ask", [asks_directly, asks_by_the_queue])
def test_who_has_left_is_worked_for_no_longer(page, ask):
    ramp = np.mgrid[0:3500, 0:3500].sum(0) % 256
    buffer = io.BytesIO()
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp], -1).astype(np.uint8)).save(buffer, "PNG")
    body = json.dumps({"data": [page.visitor().upload(buffer.getvalue()), 1.0, 1.0]}).encode()

    def used(since):
        return page.processor_seconds() - since

    began = page.processor_seconds()
    visitor = ask(page, body)
    while used(began) < 2.0:
        time.sleep(0.1)
    visitor.close()
    left = before = page.processor_seconds()
    time.sleep(2.0)
    while used(before) > 0.2:  # still at work
        before = page.processor_seconds()
        time.sleep(2.0)
    assert used(left) < ENOUGH
