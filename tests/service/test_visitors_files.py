"""No file of the server's disk is read but those that visitors sent and those that it made."""

from __future__ import annotations

import asyncio
import io
import json
import signal
from pathlib import Path

import httpx
import pytest
from PIL import Image

from page_server import MODEL, ROOT, PageServer, RefusedError

SENTENCE = "This page reads only pictures that were sent to it; please choose a picture."
PORTRAIT = ROOT / "space" / "examples" / "drawn_1_portrait.png"
META = {"meta": {"_type": "gradio.FileData"}}
VALUES = {"denoise": [0.1, 0], "restore": [1.0, 1.0], "compare": [0.1, 0]}
FORMS = {
    "with meta": META,
    "without meta": {},
    "empty meta": {"meta": {}},
    "wrong meta": {"meta": {"_type": "gradio.Other"}},
    "an address beside": {"url": "http://example.org/picture.png"},
    "an address beside and meta": {"url": "http://example.org/picture.png", **META},
    "a stream": {"is_stream": True, **META},
    "a name and a size": {"orig_name": "picture.png", "size": 1, "mime_type": "image/png", **META},
}


@pytest.fixture(scope="module")
def folder(page):
    """The folder that the running page keeps pictures in."""
    (folder,) = (page.log.parent / "gradio").glob("denoiser-*")
    return folder


@pytest.fixture(scope="module")
def places(folder, tmp_path_factory):
    """Paths that were not sent to the page, half of them of pictures that are there."""
    secret = tmp_path_factory.mktemp("private") / "secret.png"
    Image.new("L", (64, 64), 123).save(secret)
    beside = folder.parent / "another_app" / "secret.png"
    beside.parent.mkdir(exist_ok=True)
    beside.write_bytes(secret.read_bytes())
    link, circle = folder / "link.png", folder / "circle.png"
    for path, target in ((link, secret), (circle, circle)):
        if not path.is_symlink():
            path.symlink_to(target)
    (folder.parent / f"{folder.name}-2").mkdir(exist_ok=True)
    twin = folder.parent / f"{folder.name}-2" / "secret.png"
    twin.write_bytes(secret.read_bytes())
    absent = secret.with_name("absent.png")
    return [
        str(secret),
        str(absent),
        f"{folder}/../another_app/secret.png",
        f"{folder}/../another_app/absent.png",
        f"{folder}/{'../' * 20}{secret}",
        str(twin),
        str(link),
        str(circle),
        str(folder),
        str(folder / "absent.png"),
        str(ROOT / "space" / "examples" / "drawn_1_portrait.png"),
        "examples/drawn_1_portrait.png",
        f"file://{secret}",
        f"FILE:{secret}",
        f"file:{secret}",
        f"{folder}//..//..{secret}",
        "data:image/png;base64,iVBORw0KGgo=",
        f"~/{secret.name}",
        f"/proc/self/root{secret}",
        "/etc/passwd",
        "/dev/zero",
        "",
        ".",
        "\0",
        "a" * 5000,
        "/gradio_api/file=/etc/passwd",
    ]


def answered(page, way: str, endpoint: str | int, data: list) -> str:
    """What the page says to a request, in whichever way it is made."""
    client = httpx.Client(base_url=f"{page.url}/gradio_api", timeout=60)
    if way in ("run", "api"):
        body = {"data": data, "session_hash": "s"}
        if isinstance(endpoint, int):
            body |= {"fn_index": endpoint}
            endpoint = "predict"
        answer = client.post(f"/{way}/{endpoint}", json=body)
        return str(answer.json().get("error", answer.json()))
    if way == "queue":
        body = {"data": data, "fn_index": endpoint, "session_hash": f"s{endpoint}"}
        client.post("/queue/join", json=body).raise_for_status()
        address = f"/queue/data?session_hash=s{endpoint}"
    else:
        body = {"data": data}
        if way == "call/v2":
            names = {"denoise": ["sigma", "seed"], "restore": ["strength", "level_factor"]}
            rest = dict(zip(names.get(endpoint, names["denoise"]), data[1:], strict=True))
            body = {"image": data[0], **rest}
        answer = client.post(f"/{way}/{endpoint}", json=body)
        answer.raise_for_status()
        address = f"/call/{endpoint}/{answer.json()['event_id']}"
    with client.stream("GET", address) as lines:
        for line in lines.iter_lines():
            if line.startswith("data:"):
                said = json.loads(line.partition(":")[2])
                if not isinstance(said, dict):
                    return str(said)
                if way != "queue":
                    return str(said.get("error"))
                if said["msg"] == "process_completed":
                    return str(said["output"].get("error", said["output"]))
    raise AssertionError("no answer")


@pytest.mark.parametrize("way", ["call", "call/v2", "run", "api"])
@pytest.mark.parametrize("endpoint", VALUES)
def test_a_path_that_was_not_sent_gets_one_sentence_whether_it_exists_or_not(
    page, places, endpoint, way
):
    for form, more in FORMS.items():
        for path in places[:2]:
            data = [{"path": path, **more}, *VALUES[endpoint]]
            assert answered(page, way, endpoint, data) == SENTENCE, (form, path)


@pytest.mark.parametrize("form", ["with meta", "without meta", "a stream"])
def test_no_place_of_the_disk_gets_another_sentence(page, places, form):
    for path in places:
        data = [{"path": path, **FORMS[form]}, 1.0]
        assert answered(page, "call", "restore", data) == SENTENCE, path


@pytest.mark.parametrize("way", ["queue", "run"])
def test_no_event_of_the_page_reads_a_path_not_even_those_without_a_name(page, places, way):
    config = httpx.get(f"{page.url}/config").json()
    images = {c["id"] for c in config["components"] if c["type"] in ("image", "gallery")}
    asked = 0
    for event in config["dependencies"]:
        if not images & set(event["inputs"]) or not event["backend_fn"]:
            continue
        for path in places[:2]:
            for more in ({}, META):
                file = {"path": path, **more}
                data = [
                    file if component in images else [{"image": file}]
                    for component in event["inputs"]
                ]
                assert answered(page, way, event["id"], data) == SENTENCE
                asked += 1
    assert asked >= 4 * 10


def test_a_path_is_found_wherever_it_is_hidden_in_a_request(page, places):
    secret = {"path": places[0], **META}
    for data in (
        [[secret], 1.0],
        [{"image": secret}, 1.0],
        [{"path": places[0], "meta": secret}, 1.0],
        [None, secret],
        [None, [{"deep": [secret]}]],
    ):
        assert answered(page, "call", "restore", data) == SENTENCE


@pytest.mark.parametrize("value", ["/etc/passwd", ["/etc/passwd"], 7, {"path": 7}, {"url": "x"}])
def test_what_is_no_file_at_all_is_refused_and_nothing_of_it_read(page, value):
    said = answered(page, "call", "restore", [value, 1.0])
    assert "root:" not in said and "Traceback" not in said


def test_an_address_without_meta_is_not_taken_for_a_path(page):
    data = [{"path": f"{page.url}/config"}, 1.0]
    assert answered(page, "call", "restore", data) == SENTENCE


@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file="])
def test_the_page_fetches_nothing_from_its_own_routes(page, places, route):
    for path in places[:2]:
        link = f"{page.url}{route}{path}"
        for data in ({"path": link}, {"path": link, **META}, {"path": link, "url": link, **META}):
            said = answered(page, "call", "restore", [data, 1.0, 1.0])
            assert "cannot be fetched" in said or said == SENTENCE


def test_mcp_clients_read_no_path_either(page, places):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def visit(images):
        async with (
            streamablehttp_client(f"{page.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return [
                await session.call_tool(name, {"image": image})
                for name in VALUES
                for image in images
            ]

    for path in places[:2]:
        images = [path, f"file://{path}", {"path": path}, {"path": path, **META}]
        images += [f"{page.url}/gradio_api/file={path}", [{"path": path, **META}]]
        for answer in asyncio.run(visit(images)):
            assert answer.isError
            assert all(part.type == "text" for part in answer.content)
            said = " ".join(part.text for part in answer.content)
            assert said == SENTENCE or "is not of type 'string'" in said or "link cannot" in said


def test_the_file_route_gives_only_what_the_page_holds(page, places):
    for path in places:
        for address in (f"/gradio_api/file={path}", f"/gradio_api/file/{path}"):
            answer = httpx.get(page.url + address.replace("\0", "%00"), follow_redirects=True)
            assert answer.status_code in (403, 404, 414), path
            assert b"PNG" not in answer.content


def test_uploads_outputs_and_examples_are_read_as_before(page, folder):
    visitor = page.visitor()
    upload = visitor.upload(PORTRAIT.read_bytes())
    outputs = visitor.ask("denoise", upload, 0.1, 0)
    again = visitor.ask("restore", outputs[2], 1.0)  # with its url, as the page itself sends it
    assert Image.open(io.BytesIO(visitor.fetch(again[0]))).size == (64, 64)
    gallery, *_ = visitor.ask("compare", upload, 0.1, 0)
    visitor.ask("restore", gallery[0]["image"], 1.0)
    bare = {"path": upload["path"]}
    assert visitor.fetch(visitor.ask("restore", bare, 1.0)[0]) == visitor.fetch(
        visitor.ask("restore", upload, 1.0)[0]
    )
    config = httpx.get(f"{page.url}/config").json()
    samples = [c for c in config["components"] if c["type"] == "dataset"]
    assert len(samples) == 3
    for dataset in samples:
        for (sample,) in dataset["props"]["samples"]:
            visitor.ask("restore", sample, 1.0)
    for component in config["components"]:
        for output in ("path", "url"):
            value = component["props"].get("value")
            if isinstance(value, dict) and output in value:
                assert str(folder) in value[output]


def test_a_page_keeps_its_files_to_itself_and_removes_them_at_the_end(tmp_path):
    with PageServer(MODEL, tmp_path) as page:
        (own,) = (tmp_path / "gradio").iterdir()
        assert own.stat().st_mode & 0o077 == 0
        picture = page.visitor().upload(PORTRAIT.read_bytes())
        assert Path(picture["path"]).is_relative_to(own)
        with PageServer(MODEL, tmp_path / "gradio") as other:
            with pytest.raises(RefusedError) as refusal:
                other.visitor().ask("restore", picture, 1.0)
            assert str(refusal.value) == SENTENCE
        page.process.send_signal(signal.SIGTERM)
        page.process.wait(20)
    assert not own.exists()
