"""No file of the server's disk is read but those that visitors sent and those that it made."""

from __future__ import annotations

import asyncio
import io
import json

import httpx
import pytest
from PIL import Image

from page_server import ROOT, mcp_client

SENTENCE = "This page reads only pictures that were sent to it; please choose a picture."
PORTRAIT = ROOT / "space" / "examples" / "drawn_1_portrait.png"
META = {"meta": {"_type": "gradio.FileData"}}
# What a request says beside the path: each takes another way through Gradio.
FORMS = [
    META,
    {},
    {"meta": {"_type": "gradio.Other"}},
    {"url": "http://example.org/picture.png", **META},
    {"is_stream": True, **META},
]


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
        f"{folder}/../{twin.parent.name}/secret.png", f"{folder}/{'../' * 20}{secret}", str(folder),
        "examples/drawn_1_portrait.png", f"file://{secret}", f"/proc/self/root{secret}",
        "data:image/png;base64,iVBORw0KGgo=", "/dev/zero", "", "\0", "a" * 5000,
        "/gradio_api/file=/etc/passwd",
    ]  # fmt: skip


def answered(page, way: str, endpoint: str | int, data: list) -> str:
    """What the page says to a request, in whichever way it is made."""
    client = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=60)
    if way == "run":
        where = {"fn_index": endpoint} if isinstance(endpoint, int) else {}
        name = "predict" if where else endpoint
        answer = client.post(f"/run/{name}", json={"data": data, "session_hash": "s", **where})
        return str(answer.json().get("error", answer.json()))
    body = {"data": data}
    if way == "call/v2":
        body = {"image": data[0], "strength": 1.0, "level_factor": 1.0}
    answer = client.post(f"/{way}/{endpoint}", json=body)
    answer.raise_for_status()
    with client.stream("GET", f"/call/{endpoint}/{answer.json()['event_id']}") as lines:
        said = next(line for line in lines.iter_lines() if line.startswith("data:"))
    said = json.loads(said.partition(":")[2])
    return str(said.get("error")) if isinstance(said, dict) else str(said)


@pytest.mark.parametrize("way", ["call", "call/v2", "run"])
def test_in_no_way_and_form_a_path_is_read(page, places, way):
    for form in FORMS:
        for path in places[:2]:  # the same sentence, whether it exists or not
            said = answered(page, way, "restore", [{"path": path, **form}, 1.0, 1.0])
            assert said == SENTENCE, (form, path)


@pytest.mark.smoke
def test_no_place_of_the_disk_is_read(page, places):
    for path in places:
        assert answered(page, "call", "restore", [{"path": path}]) == SENTENCE, path
        address = f"{page.url}/gradio_api/file={path}".replace("\0", "%00")
        answer = httpx.get(address, follow_redirects=True)
        assert answer.status_code in (403, 404, 414) and b"PNG" not in answer.content, path


def test_a_path_is_found_wherever_it_is_hidden_in_a_request(page, places):
    secret = {"path": places[0], **META}
    for data in ([[secret], 1.0], [{"image": secret}], [None, secret], [None, [{"a": [secret]}]]):
        assert answered(page, "call", "restore", data) == SENTENCE
    for value in ("/etc/passwd", ["/etc/passwd"], {"path": 7}, {"url": "file:///etc/passwd"}):
        assert "root:" not in answered(page, "call", "restore", [value])


def test_no_event_of_the_page_reads_a_path_not_even_those_without_a_name(page, places):
    config = httpx.get(f"{page.url}/config").json()
    asked = 0
    for event in config["dependencies"]:
        if event["backend_fn"] and event["inputs"]:
            data = [{"path": places[0], **META}] * len(event["inputs"])
            assert answered(page, "run", event["id"], data) == SENTENCE
            asked += 1
    assert asked >= 12


def test_links_into_the_servers_own_network_are_refused(page, places):
    for link in (f"{page.url}/config", f"{page.url}/gradio_api/file={places[0]}", "http://[::1]/"):
        for form in (META, {}):
            said = answered(page, "call", "restore", [{"path": link, "url": link, **form}])
            assert said.startswith("The link cannot be fetched")


def test_mcp_clients_read_no_path_either(page, places):
    async def visit():
        async with mcp_client(page.url) as session:
            return [
                await session.call_tool(name, {"image": image})
                for name in ("denoise", "restore", "compare")
                for path in places[:2]
                for image in (path, {"path": path, **META}, f"{page.url}/gradio_api/file={path}")
            ]

    for answer in asyncio.run(visit()):
        assert answer.isError and [part.type for part in answer.content] == ["text"]


def test_uploads_outputs_and_examples_are_read(page, folder):
    visitor = page.visitor()
    upload = visitor.upload(PORTRAIT.read_bytes())
    outputs = visitor.ask("denoise", upload, 0.1, 0)
    again = visitor.ask("restore", outputs[2])  # with its url, as the page itself sends it
    assert Image.open(io.BytesIO(visitor.fetch(again[0]))).size == (64, 64)
    bare, whole = (visitor.ask("restore", file) for file in ({"path": upload["path"]}, upload))
    assert visitor.fetch(bare[0]) == visitor.fetch(whole[0])
    config = httpx.get(f"{page.url}/config").json()
    samples = [c["props"]["samples"] for c in config["components"] if c["type"] == "dataset"]
    assert len(samples) == 3
    for (sample,), *_ in samples:
        assert str(folder) in sample["path"]
        visitor.ask("restore", sample)
