"""The page starts, and serves, on machines that are set up otherwise."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from checkout import PORTRAIT
from page_server import APP, PageServer, RefusedError, mcp_client

PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY"))
# Two values that the HTTP client refuses to be made with.
PROXIES |= {"ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "[::1]", "HTTPS_PROXY": None}


def test_a_page_starts_beside_proxies_taken_names_and_a_hub_out_of_reach(page, tmp_path):
    for name in ("page", "app", "texts", "serving"):  # in the current folder
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this file')")
    (tmp_path / "gradio").write_text("Gradio's own folder, of somebody else")
    token = "hf_" + "s3cr3t" * 6
    environment = PROXIES | {
        "TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": None, "PYTHONIOENCODING": "ascii",
        "MODEL_ID": "alice/model", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": token,
        "HF_HOME": str(tmp_path / "home"),
    }  # fmt: skip
    with PageServer(tmp_path, **environment) as other:
        (own,) = tmp_path.glob("denoiser-*")
        assert own.stat().st_mode & 0o077 == 0
        answers = [server.visitor().call("denoise", PORTRAIT) for server in (page, other)]
        assert answers[0] == answers[1]
        if sys.platform == "linux":
            loaded = Path(f"/proc/{other.process.pid}/maps").read_text()
            names = ("tensorflow", "jax", "torch", "cv2")
            assert not [name for name in names if f"/{name}/" in loaded]
        assert not asyncio.run(restored_by_mcp(other.url)).isError
        with pytest.raises(RefusedError, match="only pictures that were sent to it"):
            other.visitor().ask("restore", page.visitor().upload(PORTRAIT.read_bytes()))
        shown = [other.text()] + [
            httpx.get(other.url + address).text
            for address in ("/", "/config", "/gradio_api/info", "/gradio_api/mcp/schema")
        ]
    assert not own.exists() and (tmp_path / "gradio").is_file()
    assert all("the built-in networks, 30.17 dB on the test faces (" in said for said in shown[:2])
    assert not any(token in text or "MODEL_ID" in text for text in shown)


async def restored_by_mcp(url):
    """Ask the tool `restore`; the page is its own client then."""
    picture = base64.b64encode(PORTRAIT.read_bytes()).decode()
    async with mcp_client(url) as session:
        return await session.call_tool("restore", {"image": f"data:image/png;base64,{picture}"})


def test_a_folder_that_cannot_be_written_to_is_named_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("a file")
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "taken")}
    done = subprocess.run([sys.executable, APP], capture_output=True, text=True, env=environment)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert "set GRADIO_TEMP_DIR" in line and str(tmp_path / "taken") in line
