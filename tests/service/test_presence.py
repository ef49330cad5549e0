"""A visitor who leaves ends the work on their picture, in whichever way it was asked for."""

from __future__ import annotations

import io
import json
import socket
import time

import httpx
from PIL import Image

from page_server import RefusedError

# Seconds of the processor. The four pictures take over twenty; two tiles, which may be at work, and
# whatever else is under way take less.
ENOUGH = 12.0


def picture(side):
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 30).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def asks_outside_the_queue(page, file):
    """Somebody whose connection to `/run` is open; closing it is leaving."""
    body = json.dumps({"data": [file, 1.0, 1.0]}).encode()
    head = f"POST /gradio_api/run/restore HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", page.port))
    connection.sendall(head.encode() + body)
    return connection


def asks_in_the_queue(page, file):
    """Somebody who waits for the stream of answers."""
    http = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=300)
    event = http.post("/call/restore", json={"data": [file, 1.0, 1.0]}).json()["event_id"]
    http.send(http.build_request("GET", f"/call/restore/{event}"), stream=True)
    return http


def heard_by_another(page, file):
    """What another visitor hears, who leaves after some seconds."""
    visitor = page.visitor(timeout=5)
    try:
        return visitor.ask("restore", file)[1]
    except RefusedError as refusal:
        return str(refusal)
    except httpx.ReadTimeout:
        return ""
    finally:
        visitor.http.close()


def test_who_has_left_makes_room_for_the_next(page):
    huge, next_one = (page.visitor().upload(picture(side)) for side in (2400, 600))
    ways = (asks_in_the_queue, asks_outside_the_queue)
    visitors = [ask(page, huge) for ask in ways * 2]  # two are worked for, two wait
    end = time.monotonic() + 60
    while "Other large pictures" not in heard_by_another(page, next_one):
        assert time.monotonic() < end
    before = page.processor_seconds()
    for visitor in visitors:
        visitor.close()
    while "σ" not in heard_by_another(page, next_one):
        assert page.processor_seconds() - before < ENOUGH
