"""The running page: what its clients get, what it keeps to itself, and what it withstands."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from local_hub import LocalHub, Repository
from olivetti_denoiser import Denoiser
from page_server import MODEL, ROOT, PageServer, RefusedError

EXAMPLES = ROOT / "space" / "examples"
PORTRAIT = EXAMPLES / "drawn_1_portrait.png"
COLOURS = EXAMPLES / "drawn_2_still_life.png"
VALUES = (0.15, 7)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)))


def copy_tree(source: Path, target: Path) -> Path:
    return shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture(scope="module")
def three(page):
    """The portrait's original, noisy and reconstructed pictures, as plain HTTP gets them."""
    return page.visitor().call("denoise", PORTRAIT, *VALUES)[:3]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A noisy colour picture of several tiles."""
    rng = np.random.default_rng(0)
    ramps = np.mgrid[0:520, 0:800].sum(0)[..., None] / 1320 * np.array([0.9, 0.6, 0.3])
    noisy = np.clip(ramps + 0.1 * rng.standard_normal(ramps.shape), 0, 1)
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray(np.rint(noisy * 255).astype(np.uint8)).save(path)
    return path


def test_the_page_restores_as_the_denoiser_does(page, three, large):
    denoiser, visitor = Denoiser.from_pretrained(MODEL), page.visitor()
    gray = denoiser.only("gray")  # of Demo and Compare, whatever the noise
    assert np.array_equal(pixels(three[2]), gray(pixels(three[1])))
    old_print = EXAMPLES / "noisy_2_old_print.png"
    for path, factor, network in (
        (large, 1.0, "network for colour"),
        (large, 1.5, "network for colour"),
        (old_print, 1.0, "gray network"),
    ):
        cleaned, said = visitor.call("restore", path, 1.0, factor)
        expected = denoiser(pixels(path.read_bytes()), level_factor=factor)
        assert np.array_equal(pixels(cleaned), expected)
        assert f"Restored by the {network}." in said


def test_noise_and_figures_are_those_of_the_pictures(page, three):
    from olivetti_denoiser.noise import add_gaussian_noise, from_uint8, to_uint8

    original, noisy, _ = map(pixels, three)
    assert np.array_equal(original, np.asarray(Image.open(PORTRAIT)))
    drawn = add_gaussian_noise(from_uint8(original), VALUES[0], np.random.default_rng(VALUES[1]))
    assert np.array_equal(noisy, to_uint8(drawn))
    *_, figures, verdict = page.visitor().call("denoise", PORTRAIT, *VALUES)
    error = np.square(from_uint8(noisy) - from_uint8(original)).mean()
    assert figures["noisy"]["mse"] == pytest.approx(error, abs=1e-6)
    assert f"{abs(figures['gain_db']):.1f} dB" in verdict
    assert (figures["sigma"], figures["seed"]) == VALUES


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_gets_the_same_bytes(page, three, tmp_path):
    def curl(*arguments):
        done = subprocess.run(["curl", "-sSf", *arguments], capture_output=True, check=True)
        return done.stdout

    api = f"{page.url}/gradio_api"
    (path,) = json.loads(curl("-F", f"files=@{PORTRAIT}", f"{api}/upload"))
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [image, *VALUES]})
    answer = curl("-H", "Content-Type: application/json", "-d", body, f"{api}/call/denoise")
    events = curl("-N", f"{api}/call/denoise/{json.loads(answer)['event_id']}").decode()
    data = json.loads(events.split("data: ")[-1])
    assert [curl(file["url"]) for file in data[:3]] == three


def test_gradio_client_gets_the_same_bytes(page, three, tmp_path):
    from gradio_client import Client, handle_file

    client = Client(page.url, verbose=False, download_files=tmp_path)
    outputs = client.predict(handle_file(PORTRAIT), *VALUES, api_name="/denoise")
    assert [Path(output).read_bytes() for output in outputs[:3]] == three
    cleaned, estimate = client.predict(handle_file(COLOURS), api_name="/restore")
    assert Image.open(cleaned).size == Image.open(COLOURS).size
    assert "σ" in estimate
    gallery, table, rows = client.predict(handle_file(PORTRAIT), 0.1, 0, api_name="/compare")
    assert len(gallery) == len(rows) + 1 == 7
    assert [row["psnr"] for row in rows] == sorted((row["psnr"] for row in rows), reverse=True)
    assert all("dB" in entry["caption"] for entry in gallery[:-1])
    assert "Non-local means" in table


def test_the_level_factor_follows_and_may_be_left_out(page):
    visitor = page.visitor()
    whole = visitor.call("restore", COLOURS, 1.0, 1.0)
    image = visitor.upload(COLOURS.read_bytes())
    for values in ((1.0,), ()):  # as clients ask who know fewer arguments
        cleaned, estimate = visitor.ask("restore", image, *values)
        assert [visitor.fetch(cleaned), estimate] == whole
    grainy = visitor.call("restore", COLOURS, 1.0, 0.0)
    assert np.array_equal(pixels(grainy[0]), np.asarray(Image.open(COLOURS)))
    assert visitor.call("restore", COLOURS, 1.0, 2.0)[0] != whole[0]
    for factor in (4.5, -1, "much", None):
        with pytest.raises(RefusedError, match="from 0 to 4"):
            visitor.call("restore", COLOURS, 1.0, factor)


def test_mcp_clients_get_the_same_bytes(page, three):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def visit():
        async with (
            streamablehttp_client(f"{page.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            data = base64.b64encode(PORTRAIT.read_bytes()).decode()
            image = f"data:image/png;base64,{data}"
            arguments = {"image": image, "sigma": VALUES[0], "seed": VALUES[1]}
            answer = await session.call_tool("denoise", arguments)
            refusal = await session.call_tool("denoise", {**arguments, "sigma": 0.7})
            return tools, answer, refusal

    tools, answer, refusal = asyncio.run(visit())
    assert {tool.name for tool in tools} == {"denoise", "restore", "compare"}
    for tool in tools:
        assert len(tool.description) > 80
        for argument in tool.inputSchema["properties"].values():
            assert len(argument["description"]) > 40
    images = [part for part in answer.content if part.type == "image"]
    assert [base64.b64decode(part.data) for part in images] == three
    assert refusal.isError
    assert "0.3" in refusal.content[0].text


def test_endpoints_are_documented(page):
    endpoints = httpx.get(f"{page.url}/gradio_api/info").json()["named_endpoints"]
    arguments = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in endpoints.items()
    }
    assert arguments == {
        "/denoise": ["image", "sigma", "seed"],
        "/restore": ["image", "strength", "level_factor"],
        "/compare": ["image", "sigma", "seed"],
    }
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 50
        image, *rest = endpoint["parameters"]
        assert not image["parameter_has_default"]
        assert all(parameter["parameter_has_default"] for parameter in rest)
    labels = [output["label"] for output in endpoints["/denoise"]["returns"]]
    assert labels[:3] == ["Original", "Noisy", "Reconstructed"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/environ",
        str(ROOT / "space" / "app.py"),
        str(ROOT / "training" / "olivetti_denoiser" / "hub.py"),
        "../../../../etc/passwd",
        "file:///etc/passwd",
    ],
)
def test_no_file_of_the_machine_can_be_read(page, path):
    for address in (f"/gradio_api/file={path}", f"/gradio_api/file/{path}"):
        assert httpx.get(page.url + address).status_code in (403, 404)
    visitor, image = page.visitor(), {"path": path, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(RefusedError) as refusal:
        visitor.ask("denoise", image, 0.1, 0)
    assert "root:" not in str(refusal.value)


def test_links_into_the_servers_own_network_are_refused(page):
    image = {"path": f"{page.url}/config", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(RefusedError, match="send the picture itself"):
        page.visitor().ask("denoise", image, 0.1, 0)


def test_a_large_picture_does_not_hold_a_small_one_up(page, large):
    ended = {}

    def visit(name, endpoint, picture):
        page.visitor().call(endpoint, picture)
        ended[name] = time.monotonic()

    big = threading.Thread(target=visit, args=["large", "restore", large])
    big.start()
    time.sleep(0.2)
    for number in range(3):
        visit(number, "denoise", PORTRAIT)
    big.join(60)
    assert ended[2] < ended["large"]


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_a_large_picture_leaves_its_memory(page, large):
    page.visitor().call("restore", PORTRAIT)
    page.forget_peak()
    before = page.memory()
    page.visitor().call("restore", large)
    peak = page.memory("VmHWM")
    assert peak > before + 50
    assert page.memory() < before + (peak - before) / 2


def test_more_large_pictures_than_may_wait_are_refused_in_words(page):
    def visit(_):
        try:
            return page.visitor().call("restore", COLOURS)[1]
        except RefusedError as refusal:
            return str(refusal)

    with ThreadPoolExecutor(6) as visitors:
        answers = list(visitors.map(visit, range(6)))
    served = [answer for answer in answers if "σ" in answer]
    refused = [answer for answer in answers if "try again" in answer]
    assert len(served) >= 4
    assert len(served) + len(refused) == 6


def test_a_crowd_is_served_to_the_last(page):
    def visit(number):
        return page.visitor().call("denoise", PORTRAIT, 0.1, number % 10)[:3]

    with ThreadPoolExecutor(40) as visitors:
        answers = list(visitors.map(visit, range(40)))
    for number, answer in enumerate(answers):
        assert answer == answers[number % 10]  # together or alone, the same bytes


def test_the_page_says_what_serves_and_names_no_variable(page):
    home = httpx.get(page.url).text
    for shown in (page.text(), home):
        assert "Serving the built-in networks, 30.17 dB on the test faces" in shown
        assert "MODEL_ID" not in shown


def test_nothing_that_trains_or_compares_is_imported_at_the_start():
    script = (
        "import runpy, sys; app = runpy.run_path('space/app.py', run_name='app');"
        "app['build'](app['load_networks']({}, 'model_card', 0)); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "olivetti_denoiser.denoiser" in loaded
    trains = {"train", "data", "evaluate.measure", "publish"}
    assert not loaded & {f"olivetti_denoiser.{name}" for name in trains}
    assert not loaded & {"keras", "tensorflow", "jax", "torch", "datasets", "tensorboard"}
    assert not loaded & {"skimage", "scipy", "cv2", "matplotlib"}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A staged Space: the app at the root, the code and the bundled model beside it."""
    staged = tmp_path_factory.mktemp("space") / "staged"
    copy_tree(ROOT / "space", staged)
    copy_tree(ROOT / "training" / "olivetti_denoiser", staged / "olivetti_denoiser")
    copy_tree(MODEL, staged / "model_card")
    Image.open(PORTRAIT).rotate(180).save(staged / "examples" / "face_049.png")
    return staged


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder as a wheel leaves it: the page and the model inside the package."""
    site = tmp_path_factory.mktemp("installed")
    package = copy_tree(ROOT / "training" / "olivetti_denoiser", site / "olivetti_denoiser")
    copy_tree(ROOT / "space", package / "bundled" / "space")
    copy_tree(MODEL, package / "bundled" / "model_card")
    return site


@pytest.mark.parametrize("way", ["checkout", "staged", "installed", "command"])
def test_the_page_starts_from_any_folder(way, request, three, tmp_path):
    """Modules of the same names in the current folder stay where they are."""
    for name in ("page", "app", "texts", "serving"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this file')")
    model, path = None, None
    if way == "checkout":
        start, model = [ROOT / "space" / "app.py"], MODEL
    elif way == "staged":
        start = [request.getfixturevalue("space") / "app.py"]
    else:
        path = str(request.getfixturevalue("installed"))
        app = Path(path, "olivetti_denoiser", "bundled", "space", "app.py")
        start = [app] if way == "installed" else ["-m", "olivetti_denoiser", "demo"]
    environment = {"PYTHONPATH": path, "BUNDLED_MODEL": model and str(model)}
    with PageServer(model, tmp_path, start=start, **environment) as page:
        assert page.visitor().call("denoise", PORTRAIT, *VALUES)[:3] == three
        assert "Serving the built-in networks" in page.text()


def test_a_hub_that_hangs_at_the_start_does_not_hold_the_space_up(space, tmp_path):
    secret = "hf_" + "s3cr3t" * 6
    with LocalHub() as hub:
        hub.fault("info", action="stall", times=99)
        environment = hub.environment(secret, tmp_path / "home") | {
            "PYTHONPATH": None,
            "BUNDLED_MODEL": None,
            "MODEL_ID": "alice/model",
            "HUB_SECONDS": "2",
        }
        with PageServer(None, tmp_path, start=[space / "app.py"], **environment) as page:
            said = "the built-in networks, 30.17 dB on the test faces (the Hub did not deliver"
            assert said in page.text()
            home = httpx.get(page.url).text
            assert said in home
            page.visitor().call("denoise", PORTRAIT)
            page.visitor().call("restore", COLOURS)
            shown = [home, page.text()]
            for address in ("/config", "/gradio_api/info", "/gradio_api/mcp/schema"):
                shown.append(httpx.get(page.url + address).text)
    assert not any(secret in text for text in shown)
    # A face that came with the Space is shown before the drawings.
    assert "face_049.png" in home
    assert home.index("face_049.png") < home.index("drawn_1_portrait.png")


def test_the_published_networks_serve_on_when_the_hub_hangs_later(space, tmp_path):
    with LocalHub() as hub:
        token = hub.user("alice")
        repository = Repository("models", "alice/model", private=False)
        files = {
            path.relative_to(MODEL).as_posix(): hub.store(
                path.read_bytes(), lfs=path.suffix in (".h5", ".onnx")
            )
            for path in MODEL.rglob("*")
            if path.is_file()
        }
        commit = repository.add("main", files, "Release", "", "alice")
        hub.repositories["models", "alice/model"] = repository
        environment = hub.environment(token, tmp_path / "home") | {
            "PYTHONPATH": None,
            "MODEL_ID": "alice/model",
        }
        with PageServer(tmp_path, tmp_path, start=[space / "app.py"], **environment) as page:
            assert f"alice/model at {commit.oid[:7]}, 30.17 dB on the test faces\n" in page.text()
            for operation in ("info", "resolve", "storage-get"):
                hub.fault(operation, action="stall", times=99)
            # Whoever asks the Hub now waits for ever; the visitor's patience has an end.
            assert "alice/model" in httpx.get(page.url, timeout=60).text
            page.visitor().call("denoise", PORTRAIT)
