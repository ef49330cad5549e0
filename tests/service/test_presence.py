"""A visitor who leaves ends the work on their picture."""

from __future__ import annotations

import io
import time

import httpx
import numpy as np
from PIL import Image

# Seconds of the processor. The picture takes over eight; one tile, which may be at work, and
# whatever else is under way take less.
ENOUGH = 4.0


def test_who_has_left_is_worked_for_no_longer(page):
    ramp = np.mgrid[0:3500, 0:3500].sum(0) % 256
    buffer = io.BytesIO()
    Image.fromarray(np.stack([ramp, ramp[::-1], ramp], -1).astype(np.uint8)).save(buffer, "PNG")
    picture = page.visitor().upload(buffer.getvalue())
    restore = f"{page.url}/gradio_api/call/restore"

    def used(since):
        return page.processor_seconds() - since

    began = page.processor_seconds()
    event = httpx.post(restore, json={"data": [picture]}).json()["event_id"]
    with httpx.stream("GET", f"{restore}/{event}", timeout=300):
        while used(began) < 2.0:
            time.sleep(0.1)
    left = before = page.processor_seconds()
    time.sleep(2.0)
    while used(before) > 0.2:  # still at work
        before = page.processor_seconds()
        time.sleep(2.0)
    assert used(left) < ENOUGH
