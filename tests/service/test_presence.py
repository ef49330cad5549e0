"""A visitor who leaves ends the work on their picture, in whichever way it was asked for."""

from __future__ import annotations

import io
import json
import socket
import time

import httpx
import numpy as np
from PIL import Image

# Seconds of the processor. The four pictures take over twenty; two tiles, which may be at work, and
# whatever else is under way take less.
ENOUGH = 12.0


def picture(side):
    """A PNG, quick to send, that takes long to restore."""
    ramp = np.mgrid[0:side, 0:side].sum(0) % 256
    buffer = io.BytesIO()
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp], -1).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


class Asking:
    """A visitor at the page, who reads the progress of their own picture as the browser does."""

    def __init__(self, page, file):
        self.http = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=300)
        config = self.http.get(f"{page.url}/config").json()
        (index,) = (e["id"] for e in config["dependencies"] if e["api_name"] == "restore")
        body = {"data": [file, 1.0, 1.0], "fn_index": index, "session_hash": f"s{time.time_ns()}"}
        self.http.post("/queue/join", json=body).raise_for_status()
        request = self.http.build_request("GET", f"/queue/data?session_hash={body['session_hash']}")
        self.answer = self.http.send(request, stream=True)
        self.lines = self.answer.iter_lines()

    def hears(self, *beginnings):
        """The first message that begins so."""
        for line in self.lines:
            message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            said = [str(part.get("desc")) for part in message.get("progress_data") or ()]
            said.append(str((message.get("output") or {}).get("error", "")))
            for text in said:
                if text.startswith(beginnings):
                    return text
        raise AssertionError("the stream ended")

    def close(self):
        self.answer.close()
        self.http.close()


def asks_outside_the_queue(page, file):
    """Somebody whose connection to `/run` is open; closing it is leaving."""
    body = json.dumps({"data": [file, 1.0, 1.0]}).encode()
    head = f"POST /gradio_api/run/restore HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", page.port))
    connection.sendall(head.encode() + body)
    return connection


def asks_by_call(page, file):
    """Somebody who waits for the answer of `/call`."""
    http = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=300)
    event = http.post("/call/restore", json={"data": [file, 1.0, 1.0]}).json()["event_id"]
    http.send(http.build_request("GET", f"/call/restore/{event}"), stream=True)
    return http


def heard_by_another(page, file, *beginnings):
    probe = Asking(page, file)
    said = probe.hears(*beginnings)
    probe.close()
    return said


def test_who_has_left_makes_room_for_the_next(page):
    huge, next_one = (page.visitor().upload(picture(side)) for side in (2400, 700))
    visitors = [Asking(page, huge), Asking(page, huge)]
    for visitor in visitors:
        visitor.hears("tile ")
    visitors += [asks_outside_the_queue(page, huge), asks_by_call(page, huge)]
    said, end = "", time.monotonic() + 60
    while not said.startswith("Other large pictures"):
        said = heard_by_another(page, next_one, "Other large pictures", "waiting", "estimating")
        assert time.monotonic() < end
    before = page.processor_seconds()
    for visitor in visitors:
        visitor.close()
    while not said.startswith("estimating"):
        said = heard_by_another(page, next_one, "Other large pictures", "estimating")
        assert page.processor_seconds() - before < ENOUGH
