"""The running page: one answer to every client, in the order of its promises, and under load."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from checkout import EXAMPLES, MODEL, PORTRAIT
from olivetti_denoiser import Denoiser
from olivetti_denoiser.noise import from_uint8, noisy_uint8
from page_server import RefusedError, mcp_client, pixels

COLOURS = EXAMPLES / "drawn_2_still_life.png"
VALUES = (0.15, 7)


@pytest.fixture(scope="module")
def three(page):
    """The portrait's original, noisy and reconstructed pictures, as plain HTTP gets them."""
    return page.visitor().call("denoise", PORTRAIT, *VALUES)[:3]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A noisy colour picture of several tiles."""
    rng = np.random.default_rng(0)
    ramps = np.mgrid[0:520, 0:800].sum(0)[..., None] / 1320 * np.array([0.9, 0.6, 0.3])
    path = tmp_path_factory.mktemp("large") / "large.png"
    Image.fromarray(noisy_uint8(ramps, 0.1, rng)).save(path)
    return path


@pytest.mark.smoke
def test_the_page_does_as_the_denoiser_does(page, three, large):
    denoiser, visitor = Denoiser.from_pretrained(MODEL), page.visitor()
    original, noisy, restored = map(pixels, three)
    assert np.array_equal(original, pixels(PORTRAIT.read_bytes()))
    assert np.array_equal(noisy, noisy_uint8(original, VALUES[0], np.random.default_rng(VALUES[1])))
    assert np.array_equal(restored, denoiser.only("gray")(noisy))  # whatever the noise
    *_, metrics, verdict = visitor.call("denoise", PORTRAIT, *VALUES)
    error = np.square(from_uint8(noisy) - from_uint8(original)).mean()
    assert metrics["noisy"]["mse"] == pytest.approx(error, abs=1e-6)
    assert metrics["noisy"]["psnr"] == pytest.approx(-10 * np.log10(error), abs=0.01)
    assert f"{metrics['gain_db']:.1f} dB" in verdict
    for path, factor, words in (
        (large, 1.5, "network for colour."),
        (EXAMPLES / "noisy_2_old_print.png", 1.0, "gray network."),
    ):
        cleaned, estimate = visitor.call("restore", path, 1.0, factor)
        assert np.array_equal(pixels(cleaned), denoiser(path, level_factor=factor))
        assert estimate.endswith(f"Restored by the {words}")
    assert "Serving the built-in networks, 30.17 dB on the test faces" in httpx.get(page.url).text


def test_gradio_client_gets_the_same_bytes(page, three, tmp_path):
    from gradio_client import Client, handle_file

    client = Client(page.url, verbose=False, download_files=tmp_path)
    outputs = client.predict(handle_file(PORTRAIT), *VALUES, api_name="/denoise")
    assert [Path(output).read_bytes() for output in outputs[:3]] == three
    gallery, table, rows = client.predict(handle_file(PORTRAIT), 0.1, 0, api_name="/compare")
    assert len(gallery) == len(rows) + 1 == 7
    assert [row["psnr"] for row in rows] == sorted((row["psnr"] for row in rows), reverse=True)
    assert all("dB" in entry["caption"] for entry in gallery[:-1])
    assert "Non-local means" in table


def test_mcp_clients_get_the_same_bytes(page, three):
    async def visit():
        async with mcp_client(page.url) as session:
            data = base64.b64encode(PORTRAIT.read_bytes()).decode()
            arguments = {"image": f"data:image/png;base64,{data}", "sigma": 0.15, "seed": 7}
            return (
                (await session.list_tools()).tools,
                await session.call_tool("denoise", arguments),
                await session.call_tool("denoise", {**arguments, "sigma": 0.7}),
            )

    tools, answer, refusal = asyncio.run(visit())
    assert {tool.name for tool in tools} == {"denoise", "restore", "compare"}
    for tool in tools:
        assert len(tool.description) > 80
        assert all(len(a["description"]) > 40 for a in tool.inputSchema["properties"].values())
    images = [part for part in answer.content if part.type == "image"]
    assert [base64.b64decode(part.data) for part in images] == three
    assert refusal.isError and "0.3" in refusal.content[0].text


def test_endpoints_keep_the_order_of_their_arguments(page):
    endpoints = httpx.get(f"{page.url}/gradio_api/info").json()["named_endpoints"]
    arguments = {name: endpoint["parameters"] for name, endpoint in endpoints.items()}
    assert {name: [a["parameter_name"] for a in given] for name, given in arguments.items()} == {
        "/denoise": ["image", "sigma", "seed"],
        "/restore": ["image", "strength", "level_factor"],
        "/compare": ["image", "sigma", "seed"],
    }
    for given in arguments.values():
        assert [a["parameter_has_default"] for a in given] == [False, True, True]
    labels = [output["label"] for output in endpoints["/denoise"]["returns"]]
    assert labels[:3] == ["Original", "Noisy", "Reconstructed"]


def test_values_may_be_left_out_and_wrong_ones_get_one_sentence(page):
    visitor = page.visitor()
    image = visitor.upload(COLOURS.read_bytes())
    whole, estimate = visitor.ask("restore", image, 1.0, 1.0)
    again, words = visitor.ask("restore", image)
    assert (again["path"], words) == (whole["path"], estimate)  # named by its content
    for endpoint, values, words in (
        ("restore", (1.0, "much"), "from 0 to 4"),
        ("restore", (-0.5, 1.0), "Strength must be a number from 0 to 1"),
        ("denoise", (0.4, 0), "from 0 to 0.3, not 0.4"),
        ("denoise", (0.1, 2**40), "from 0 to 4294967295"),
    ):
        with pytest.raises(RefusedError, match=words):
            visitor.ask(endpoint, image, *values)
    with pytest.raises(RefusedError, match="choose a picture"):
        visitor.ask("denoise", None, 0.1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from /proc")
def test_a_crowd_is_served_beside_large_pictures_which_leave_their_memory(page, three, large):
    def visit(endpoint, picture, *values):
        try:
            return page.visitor().call(endpoint, picture, *values)
        except RefusedError as refusal:
            return [str(refusal)]

    before = page.memory()
    with ThreadPoolExecutor(16) as visitors:
        waiting = [visitors.submit(visit, "restore", large) for _ in range(6)]
        time.sleep(0.2)
        crowd = [visitors.submit(visit, "denoise", PORTRAIT, *VALUES) for _ in range(10)]
        crowd[0].result()
        assert not all(one.done() for one in waiting)
    assert all(one.result()[:3] == three for one in crowd)
    told = [one.result()[-1] for one in waiting]
    assert all("σ" in words or "try again" in words for words in told)
    assert sum("σ" in words for words in told) >= 4
    peak = page.memory("VmHWM")
    assert peak > before + 50
    assert page.memory() < before + (peak - before) / 2
