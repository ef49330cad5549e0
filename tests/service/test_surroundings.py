"""The page starts, and serves every kind of client, on machines that are set up otherwise."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys

import pytest

from page_server import APP, MODEL, ROOT, PageServer

PORTRAIT = ROOT / "space" / "examples" / "drawn_1_portrait.png"
NOBODY = "127.0.0.1:9"  # where no proxy listens
UNSET = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "no_proxy"))
UNSET |= {name.upper(): None for name in UNSET}
SURROUNDINGS = {
    "a proxy that does not know this machine": {
        "http_proxy": f"http://{NOBODY}", "HTTPS_PROXY": f"http://{NOBODY}",
    },
    "a SOCKS proxy": {"ALL_PROXY": f"socks5://{NOBODY}", "no_proxy": "localhost,127.0.0.1"},
    "an address of IPv6 that needs no proxy": {"NO_PROXY": "[::1]"},
}  # fmt: skip


async def _through_mcp(url):
    """Asks the tool `restore`; the page is its own client then."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    picture = base64.b64encode(PORTRAIT.read_bytes()).decode()
    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        return await session.call_tool("restore", {"image": f"data:image/png;base64,{picture}"})


@pytest.mark.parametrize("which", SURROUNDINGS)
def test_a_page_with_proxies_around_it_answers(which, tmp_path):
    with PageServer(MODEL, tmp_path, **{**UNSET, **SURROUNDINGS[which]}) as page:
        assert len(page.visitor().call("restore", PORTRAIT)) == 2
        answer = asyncio.run(_through_mcp(page.url))
        assert not answer.isError, answer.content


def test_a_second_user_of_the_machine_starts_the_page(tmp_path):
    """Gradio's own folder is there and belongs to somebody else: a file is as unusable."""
    (tmp_path / "gradio").write_text("somebody else's")
    where = {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": None}
    start = ["-m", "olivetti_denoiser", "demo"]
    with PageServer(MODEL, tmp_path, start=start, **where) as page:
        page.visitor().call("restore", PORTRAIT)
        (own,) = tmp_path.glob("denoiser-*")
        assert own.stat().st_mode & 0o077 == 0
    assert (tmp_path / "gradio").read_text() == "somebody else's"


def test_a_folder_that_cannot_be_written_to_is_named_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = subprocess.run(
        [sys.executable, APP],
        capture_output=True,
        text=True,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "taken")},
    )
    assert done.returncode == 1
    assert "set GRADIO_TEMP_DIR" in done.stderr and str(tmp_path / "taken") in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
