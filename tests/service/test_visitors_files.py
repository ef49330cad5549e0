"""No file of the server's disk is read but those that visitors sent and those that it made."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from PIL import Image

from checkout import PORTRAIT
from page_server import RefusedError, mcp_client

SENTENCE = "This page reads only pictures that were sent to it; please choose a picture."
META = {"meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def folder(page):
    """The folder that the running page keeps pictures in."""
    (folder,) = (page.log.parent / "gradio").glob("denoiser-*")
    return folder


@pytest.fixture(scope="module")
def places(folder, tmp_path_factory):
    """Paths that were not sent to the page; at the first one is a picture, at the second none."""
    secret = tmp_path_factory.mktemp("private") / "secret.png"
    Image.new("L", (64, 64), 123).save(secret)
    twin = folder.with_name(f"{folder.name}-2") / "secret.png"  # of another app
    twin.parent.mkdir()
    twin.write_bytes(secret.read_bytes())
    link, circle = folder / "link.png", folder / "circle.png"
    link.symlink_to(secret)
    circle.symlink_to(circle)
    return [
        str(secret), str(secret.with_name("absent.png")), str(twin), str(link), str(circle),
        f"{folder}/../{twin.parent.name}/secret.png", str(folder), "examples/drawn_1_portrait.png",
        f"file://{secret}", f"/proc/self/root{secret}", "data:image/png;base64,iVBORw0KGgo=",
        "/dev/zero", "", "\0", "a" * 5000, "/gradio_api/file=/etc/passwd",
    ]  # fmt: skip


@pytest.mark.smoke
def test_no_path_is_read_in_any_form(page, places):
    def refusal(*values):
        with pytest.raises(RefusedError) as error:
            page.visitor().ask("restore", *values)
        return str(error.value)

    for path in places:
        assert refusal({"path": path}) == SENTENCE, path
        address = f"{page.url}/gradio_api/file={path}".replace("\0", "%00")
        answer = httpx.get(address, follow_redirects=True)
        assert answer.status_code in (403, 404, 414) and b"PNG" not in answer.content, path
    for path in places[:2]:  # the same sentence, whether a file is there or not
        for form in (  # each takes another way through Gradio
            META,
            {"meta": {"_type": "gradio.Other"}},
            {"url": "http://example.org/picture.png", **META},
            {"is_stream": True, **META},
        ):
            file = {"path": path, **form}
            for values in ([file], [[file]], [{"image": file}], [None, [{"deep": [file]}]]):
                assert refusal(*values) == SENTENCE, values
    for value in ("/etc/passwd", ["/etc/passwd"], {"path": 7}, {"url": "file:///etc/passwd"}):
        assert "root:" not in refusal(value)
    for link in (f"{page.url}/config", f"{page.url}/gradio_api/file={places[0]}", "http://[::1]/"):
        assert refusal({"path": link, "url": link, **META}).startswith("The link cannot be fetched")


def test_no_event_of_the_page_and_no_tool_reads_a_path(page, places):
    config = httpx.get(f"{page.url}/config").json()
    events = [e for e in config["dependencies"] if e["backend_fn"] and e["inputs"]]
    assert len(events) >= 12
    api = f"{page.url}/gradio_api"
    for event in events:  # also those without a name
        data = [{"path": places[0], **META}] * len(event["inputs"])
        body = {"data": data, "fn_index": event["id"], "session_hash": f"s{event['id']}"}
        direct = httpx.post(f"{api}/run/predict", json=body)  # past the queue
        assert direct.status_code == 404 or direct.json()["error"] == SENTENCE
        httpx.post(f"{api}/queue/join", json=body).raise_for_status()
        session = {"session_hash": body["session_hash"]}
        assert SENTENCE in httpx.get(f"{api}/queue/data", params=session, timeout=60).text

    async def visit():
        path = places[0]
        async with mcp_client(page.url) as session:
            return [
                await session.call_tool("restore", {"image": image})
                for image in (path, {"path": path, **META}, f"{page.url}/gradio_api/file={path}")
            ]

    for answer in asyncio.run(visit()):
        assert answer.isError and [part.type for part in answer.content] == ["text"]


def test_uploads_outputs_and_examples_are_read(page, folder):
    visitor = page.visitor()
    upload = visitor.upload(PORTRAIT.read_bytes())
    outputs = visitor.ask("denoise", upload, 0.1, 0)
    visitor.ask("restore", outputs[2])  # with its url, as the page itself sends it
    bare, whole = (visitor.ask("restore", file) for file in ({"path": upload["path"]}, upload))
    assert visitor.fetch(bare[0]) == visitor.fetch(whole[0])
    config = httpx.get(f"{page.url}/config").json()
    samples = [c["props"]["samples"] for c in config["components"] if c["type"] == "dataset"]
    assert len(samples) == 3
    for (sample,), *_ in samples:
        assert str(folder) in sample["path"]
        visitor.ask("restore", sample)
