"""The page starts, and serves, wherever it is put and whatever is set up around it."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from local_hub import LocalHub, Repository
from page_server import APP, MODEL, ROOT, PageServer, RefusedError, mcp_client

PORTRAIT = ROOT / "space" / "examples" / "drawn_1_portrait.png"
PACKAGE = ROOT / "training" / "olivetti_denoiser"
NO_PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "no_proxy"))
NO_PROXIES |= {name.upper(): None for name in NO_PROXIES}


def copy_tree(source: Path, target: Path) -> Path:
    return shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def test_an_installed_page_starts_beside_a_taken_folder_and_a_proxy(page, tmp_path):
    """As a wheel leaves it, in a folder with modules of the same names, by the command."""
    package = copy_tree(PACKAGE, tmp_path / "site" / "olivetti_denoiser")
    copy_tree(ROOT / "space", package / "bundled" / "space")
    copy_tree(MODEL, package / "bundled" / "model_card")
    work = tmp_path / "work"
    work.mkdir()
    for name in ("page", "app", "texts", "serving"):
        (work / f"{name}.py").write_text("raise SystemExit('not this file')")
    (work / "gradio").write_text("Gradio's own folder, of somebody else")
    environment = NO_PROXIES | {
        "PYTHONPATH": str(tmp_path / "site"), "BUNDLED_MODEL": None,
        "TMPDIR": str(work), "GRADIO_TEMP_DIR": None,
        "ALL_PROXY": "socks5://127.0.0.1:9", "NO_PROXY": "[::1]",  # the client refuses these two
    }  # fmt: skip
    start = ["-m", "olivetti_denoiser", "demo"]
    with PageServer(None, work, start=start, **environment) as installed:
        (own,) = work.glob("denoiser-*")
        assert own.stat().st_mode & 0o077 == 0
        same = (server.visitor().call("denoise", PORTRAIT) for server in (page, installed))
        assert next(same) == next(same)
        if sys.platform == "linux":
            loaded = Path(f"/proc/{installed.process.pid}/maps").read_text()
            names = ("tensorflow", "jax", "torch", "cv2", "skimage", "scipy", "matplotlib")
            assert not [name for name in names if f"/{name}/" in loaded]
        assert not asyncio.run(restored_by_mcp(installed.url)).isError
        with pytest.raises(RefusedError, match="only pictures that were sent to it"):
            installed.visitor().ask("restore", page.visitor().upload(PORTRAIT.read_bytes()))
        installed.process.send_signal(signal.SIGTERM)
        installed.process.wait(20)
    assert not own.exists() and (work / "gradio").is_file()


async def restored_by_mcp(url):
    """Ask the tool `restore`; the page is its own client then."""
    picture = base64.b64encode(PORTRAIT.read_bytes()).decode()
    async with mcp_client(url) as session:
        return await session.call_tool("restore", {"image": f"data:image/png;base64,{picture}"})


def test_a_space_serves_the_published_networks_on_when_the_hub_hangs(tmp_path):
    """The app at the root, the code and the bundled model beside it, as on the Hub."""
    space = copy_tree(ROOT / "space", tmp_path / "space")
    copy_tree(PACKAGE, space / "olivetti_denoiser")
    copy_tree(MODEL, space / "model_card")
    Image.open(PORTRAIT).rotate(180).save(space / "examples" / "face_049.png")
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
            for operation in ("info", "resolve", "storage-get"):
                hub.fault(operation, action="stall", times=99)
            home = httpx.get(page.url, timeout=60).text
            assert f"alice/model at {commit.oid[:7]}, 30.17 dB on the test faces" in home
            # A face that came with the Space is shown before the drawings.
            assert home.index("face_049.png") < home.index("drawn_1_portrait.png")
            page.visitor().call("denoise", PORTRAIT)
            shown = [home, page.text()]
            for address in ("/config", "/gradio_api/info", "/gradio_api/mcp/schema"):
                shown.append(httpx.get(page.url + address).text)
    assert not any(token in text or "MODEL_ID" in text for text in shown)


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
