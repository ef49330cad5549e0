"""Publishing a static Space: to whom it is given, what is in it, and that it works as published."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml
from test_publish import order, run_orders

from browser_visit import wait_for_result
from local_hub import ROOT, LocalHub
from static_space import StaticSpace, build_page, headers_of

NAMES = {"model": "alice/m", "space": "alice/s"}
CARD = ROOT / "space" / "browser" / "README.md"


@pytest.fixture(scope="module")
def checkout(small_checkout, tmp_path_factory):
    """A copy of the code with the page built in it."""
    copy = tmp_path_factory.mktemp("built") / "checkout"
    shutil.copytree(small_checkout, copy, ignore=shutil.ignore_patterns("__pycache__"))
    build_page(copy / "space" / "browser" / "dist")
    return copy


@pytest.fixture(scope="module")
def published(faces, checkout, tmp_path_factory):
    """A model and a Space by a free account, twice, and then told another kind."""
    folder = tmp_path_factory.mktemp("free")
    with LocalHub(checkout=checkout) as hub:
        token = hub.user("alice", paid=False)
        reports = run_orders(
            hub,
            folder,
            token,
            order(options=NAMES | {"tag": "v1.0.0"}),
            order(options=NAMES | {"tag": "v1.0.0"}),
            order(options=NAMES | {"space_sdk": "gradio"}),
            order(options=NAMES | {"space": "alice/other", "space_sdk": "gradio"}),
        )
        yield hub, reports


def test_a_free_account_gets_a_static_space_and_is_told_why(published):
    hub, (first, second, *_) = published
    assert first["end"] == second["end"] == "done", first
    assert hub.repository("alice/s", "spaces").sdk == "static"
    said = " ".join(first["lines"])
    assert "static, as the account's plan has no gradio Space" in said
    assert second["changed"] == {"model": False, "space": False}


def test_an_existing_space_keeps_its_kind(published):
    _, (*_, told, refused) = published
    assert told["end"] == "ValueError"
    assert "of the kind static, which it keeps" in told["message"]
    assert refused["end"] == "PermissionError"
    assert "paid plan" in refused["message"]


def test_its_card_asks_for_the_headers_that_threads_need(published):
    hub, _ = published
    card = hub.read("alice/s", "README.md", "spaces").decode()
    metadata = yaml.safe_load(card.split("---")[1])
    assert (metadata["sdk"], metadata["app_file"]) == ("static", "index.html")
    assert metadata["models"] == ["alice/m"]
    assert metadata["custom_headers"] == headers_of(CARD.read_text()) != {}
    space, model = hub.repository("alice/s", "spaces"), hub.repository("alice/m")
    values = {key: variable["value"] for key, variable in space.variables.items()}
    assert values == {"MODEL_ID": "alice/m", "MODEL_REVISION": model.tags["v1.0.0"]}
    content = json.loads(hub.read("alice/s", "content.json", "spaces"))
    listed = {*content["files"], ".gitattributes", "README.md"}
    assert listed == set(space.head.files)
    assert sum("examples/face_" in path for path in content["examples"]["demo"]) == 4
    assert re.fullmatch(
        r"the built-in networks, \d\d\.\d\d dB on the test faces", content["builtIn"]
    )
    for name in ("estimator.onnx", "restorer.onnx"):
        for place, folder in (("", "model"), ("colour/", "colour")):
            published = hub.read("alice/m", f"{place}onnx/{name}")
            assert hub.read("alice/s", f"{folder}/{name}", "spaces") == published


def test_who_has_paid_gets_a_gradio_space(faces, checkout, tmp_path):
    with LocalHub(checkout=checkout) as hub:
        token = hub.user("alice")
        orders = [
            order(options=NAMES),
            order(options=NAMES | {"space": "alice/t", "space_sdk": "static"}),
        ]
        reports = run_orders(hub, tmp_path, token, *orders)
        assert [report["end"] for report in reports] == ["done", "done"], reports
        gradio, static = (hub.repository(name, "spaces") for name in ("alice/s", "alice/t"))
        assert (gradio.sdk, static.sdk) == ("gradio", "static")
        assert "app.py" in gradio.head.files and "app.py" not in static.head.files
        assert not [path for path in gradio.head.files if path.startswith("browser/")]


def test_without_the_built_page_one_line_says_what_to_do(faces, checkout, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(checkout, bare, ignore=shutil.ignore_patterns("dist"))
    with LocalHub(checkout=bare) as hub:
        token = hub.user("alice", paid=False)
        orders = [
            order(options=NAMES | {"space_sdk": "static"}),
            order(options=NAMES),
        ]
        for report in run_orders(hub, tmp_path, token, *orders):
            assert report["end"] == "ValueError"
            assert "run `make browser`, which needs Node" in report["message"]
        assert ("spaces", "alice/s") not in hub.repositories


def test_the_published_repository_works_as_it_is(published):
    """Served as the Hub serves it; the network comes from the model's repository."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: `apt-get install chromium` lets this test run")
    hub, _ = published
    space = hub.repository("alice/s", "spaces")
    files = {path: hub.read("alice/s", path, "spaces") for path in space.head.files}
    variables = {key: variable["value"] for key, variable in space.variables.items()}
    asked = []

    def answer(route):
        repo, rest = route.request.url.removeprefix("https://huggingface.co/").split("/resolve/")
        revision, path = rest.split("/", 1)
        asked.append(path)
        body = hub.read(repo, path, revision=revision)
        route.fulfill(body=body, headers={"Access-Control-Allow-Origin": "*"})

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    headers = headers_of(files["README.md"].decode())
    with StaticSpace(files, headers, variables) as server, sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_page()
        tab.set_default_timeout(180_000)
        tab.route("https://huggingface.co/**", answer)
        tab.goto(server.url)
        tab.wait_for_selector("figure.reconstructed img[src]")
        assert "Serving alice/m at" in tab.locator("#serving").inner_text()
        assert tab.evaluate("crossOriginIsolated")
        assert tab.locator("#demo .examples button").count() > 4
        tab.get_by_role("tab", name="Clean up").click()
        wait_for_result(tab)
        browser.close()
    assert {"onnx/estimator.onnx", "onnx/restorer.onnx", "config.json"} <= {*asked}
