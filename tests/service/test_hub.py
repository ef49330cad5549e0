"""The Hub as everybody meets it: names, retries, errors in words, and verified downloads."""

from __future__ import annotations

import shutil

import httpx2
import numpy as np
import pytest
from huggingface_hub import HfApi

from network_folders import MODEL
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.errors import DamagedFileError
from olivetti_denoiser.hub import (
    LONGEST_WAIT,
    WAITS,
    check_repo_id,
    explained,
    first_line,
    is_busy,
    patiently,
)

NAME, PRIVATE = "alice/m", "alice/private"


@pytest.fixture
def published(hub, tmp_path):
    """A Hub on which alice has a public model, a private one, and one for Keras alone."""
    (tmp_path / "keras").mkdir()
    shutil.copy(MODEL / "config.json", tmp_path / "keras")
    hub.add_model(NAME, MODEL, tag="v1.0.0")
    hub.add_model(PRIVATE, MODEL).private = True
    hub.add_model("alice/keras", tmp_path / "keras")
    return hub


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, none of which takes any time."""
    made = []
    monkeypatch.setattr("olivetti_denoiser.hub.time.sleep", made.append)
    return made


def info():
    return patiently(lambda: HfApi().repo_info(NAME))


@pytest.mark.parametrize("name", ["model", "a/b/c", "./m", "a/b--c"])
def test_a_repository_is_named_owner_and_name(name):
    assert check_repo_id("A1/b.c_d-e")
    with pytest.raises(ValueError, match=r"OWNER/NAME.*Received: "):
        check_repo_id(name)


def test_a_busy_hub_is_asked_again_after_growing_pauses(published, pauses):
    published.fault("info", status=503, times=2, pause=None)
    published.fault("info", status=429, pause=7)
    published.fault("info", status=429, pause=9999)
    assert info().id == NAME
    assert pauses == [1, 2, 7, LONGEST_WAIT]
    published.fault("info", status=503, times=99)
    with pytest.raises(httpx2.HTTPError, match="503"):
        info()
    assert len(pauses) == 4 + len(WAITS)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(403, PermissionError, "refuses access"), (418, OSError, "model repository alice/m: ")],
)
def test_what_does_not_pass_by_itself_is_explained_at_once(published, pauses, status, kind, words):
    published.fault("info", status=status)
    with pytest.raises(httpx2.HTTPError) as raised:
        info()
    error = explained(raised.value, NAME)
    assert type(error) is kind and words in str(error) and pauses == []
    assert NAME in str(error) and "\n" not in str(error)


def test_only_what_broke_off_is_busy():
    assert is_busy(httpx2.ReadTimeout("late"))
    assert not is_busy(httpx2.ConnectError("nobody there"))
    wrapped = RuntimeError("upload failed")
    wrapped.__cause__ = httpx2.RemoteProtocolError("cut")
    assert is_busy(wrapped) and not is_busy(ValueError("wrong"))


def test_a_message_holds_no_token():
    token = "hf_" + "a" * 34
    error = RuntimeError(f"refused {token}\nand more")
    error.__cause__ = ValueError(f"because of {token}")
    assert first_line(error) == "refused hf_… and more because of hf_…"


LARGE, SMALL = ({"operation": "resolve", "only": name} for name in ("restorer.onnx", "config.json"))
# What goes wrong, how it is asked for, and how it must end.
DOWNLOADS = {
    "large file cut short": (LARGE | {"action": "short"}, {}, None),
    "one bit of a large file flips": (LARGE | {"action": "flip"}, {}, None),
    "one bit of a small file flips": (SMALL | {"action": "flip"}, {}, None),
    "flips for good": (LARGE | {"action": "flip", "times": 99}, {}, (DamagedFileError, "damaged")),
    "busy": ({"operation": "info"}, {"revision": "v1.0.0"}, None),
    "wrong token": (None, {"token": "hf_no"}, (PermissionError, "does not accept the token")),
    "private": (None, {"name": PRIVATE, "token": False}, (ValueError, "it is private")),
    "no such revision": (None, {"revision": "v9"}, (ValueError, "no such revision.*'v9'")),
    "for Keras alone": (None, {"name": "alice/keras"}, (ValueError, "denoiser export FOLDER")),
    "no folder": (None, {"name": "./nowhere"}, (ValueError, "no such folder")),
}


@pytest.mark.parametrize("case", DOWNLOADS)
def test_download_fault(published, case):
    """Each fault ends in the networks as they were published or in one clear line."""
    fault, options, ends = DOWNLOADS[case]
    if fault:
        published.fault(**fault)
    name = options.pop("name", NAME)
    if ends:
        with pytest.raises(ends[0], match=ends[1]) as error:
            Denoiser.from_pretrained(name, **options)
        assert "\n" not in str(error.value)
        return
    downloaded = Denoiser.from_pretrained(name, **options).networks
    for network, released in Denoiser.from_pretrained(MODEL).networks.items():
        assert downloaded[network].files == released.files


@pytest.mark.smoke
def test_the_cache_serves_what_is_whole(published, tmp_path, monkeypatch):
    """Damage on the disk is found without a network and mended with one."""
    noisy = np.random.RandomState(1).rand(64, 64).astype(np.float32)
    first = Denoiser.from_pretrained(NAME)(noisy)
    (cached,) = (tmp_path / "home" / "hub").glob("*/snapshots/*")
    names = [path.relative_to(cached).as_posix() for path in cached.rglob("*") if path.is_file()]
    own = ["onnx/estimator.onnx", "onnx/restorer.onnx", "config.json"]
    assert sorted(names) == sorted([*own, *(f"colour/{name}" for name in own)])
    for options in ({}, {"revision": "v1.0.0"}):  # nothing listens at this address
        with monkeypatch.context() as patch:
            Denoiser.from_pretrained(NAME, **options)
            patch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
            np.testing.assert_array_equal(Denoiser.from_pretrained(NAME, **options)(noisy), first)

    network = (cached / "onnx" / "restorer.onnx").resolve()
    content = network.read_bytes()
    network.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedFileError, match=r"onnx/restorer\.onnx .*is damaged"):
        Denoiser.from_pretrained(NAME, local_files_only=True)
    Denoiser.from_pretrained(NAME)
    assert network.read_bytes() == content
    (cached / "onnx" / "restorer.onnx").unlink()
    with pytest.raises(ConnectionError, match="only a part of it: allow the network once"):
        Denoiser.from_pretrained(NAME, local_files_only=True)
    with pytest.raises(ConnectionError, match="the cache holds no copy"):
        Denoiser.from_pretrained("alice/other", local_files_only=True)
