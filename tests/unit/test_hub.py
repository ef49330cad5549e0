"""The Hub's small functions: names, addresses, ids of contents, retries, and errors in words."""

from __future__ import annotations

import hashlib
import subprocess

import httpx2
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import LocalEntryNotFoundError

from local_hub import LocalHub
from olivetti_denoiser import hub

PRIVATE = "alice/private"


@pytest.fixture(scope="module")
def server():
    """A Hub on which alice has a public and a private model."""
    with LocalHub() as server:
        api = HfApi(endpoint=server.endpoint, token=server.user("alice"))
        api.create_repo("alice/m")
        api.create_repo(PRIVATE, private=True)
        yield server


@pytest.fixture
def api(server, monkeypatch):
    """Alice's client; errors name this Hub."""
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the local Hub has plain LFS
    yield HfApi(endpoint=server.endpoint, token=server.user("alice"))
    server.clear_faults()


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, none of which takes any time."""
    made = []
    monkeypatch.setattr(hub.time, "sleep", made.append)
    return made


def raised(work):
    """The error that some work ends with."""
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


@pytest.mark.parametrize("name", ["a/b", "ada/olivetti-denoiser", "A1/b.c_d-e", "0x/9"])
def test_a_repositorys_name_comes_back_as_it_is(name):
    assert hub.check_repo_id(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "model", "/b", "a/", "a/b/c", "./m", "../m", "-a/b", "a/-b", "a/b--c", "a/b..c", "a b/c",
     "https://huggingface.co/a/b", "a/b@main", "a/ü\n"],
)  # fmt: skip
def test_another_name_is_refused(name):
    with pytest.raises(ValueError, match=r"OWNER/NAME.*Received: ") as refused:
        hub.check_repo_id(name)
    assert str(refused.value).endswith(repr(name))


def test_addresses_are_those_of_a_browser(api, server):
    assert hub.address("a/b") == f"{server.endpoint}/a/b"
    assert hub.address("a/b", "dataset") == f"{server.endpoint}/datasets/a/b"
    assert hub.address("a/b", "space", "v1.0.0") == f"{server.endpoint}/spaces/a/b/tree/v1.0.0"


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 40])
def test_a_contents_ids_are_git_s_and_its_checksum(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    asked = ["git", "hash-object", "--no-filters", str(path)]
    own = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    ids = hub.content_ids(content)
    assert {own, hashlib.sha256(content).hexdigest()} < ids and len(ids) == 3
    assert not ids & hub.content_ids(content + b"b")


@pytest.mark.parametrize("large", [False, True], ids=["in git", "beside git"])
def test_the_hub_lists_a_file_under_one_of_its_contents_ids(api, large):
    content = bytes(3000) if large else b"text"
    path = "a.h5" if large else "a.txt"
    api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id="alice/m")
    (listed,) = api.get_paths_info("alice/m", [path])
    assert (listed.lfs is not None) == large
    ids = hub.content_ids(content)
    assert listed.blob_id in ids and (not large or listed.lfs.sha256 in ids)


def test_a_busy_hub_is_asked_again_after_growing_pauses(api, server, pauses):
    server.fault("info", status=503, times=3)
    assert hub.patiently(lambda: api.repo_info("alice/m")).id == "alice/m"
    assert pauses == [1, 2, 4]


def test_the_hubs_own_pause_is_kept_up_to_a_limit(api, server, pauses):
    for asked in ("7", "9999"):
        server.fault("info", status=429, headers={"Retry-After": asked})
    hub.patiently(lambda: api.repo_info("alice/m"))
    assert pauses == [7, hub.LONGEST_WAIT]


def test_patience_ends(api, server, pauses):
    server.fault("info", status=503, times=99)
    error = raised(lambda: hub.patiently(lambda: api.repo_info("alice/m"), waits=(1, 1)))
    assert hub.status_of(error) == 503 and pauses == [1, 1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412])
def test_what_does_not_pass_by_itself_is_not_tried_again(api, server, pauses, status):
    server.fault("info", status=status)
    assert hub.status_of(raised(lambda: hub.patiently(lambda: api.repo_info("alice/m")))) == status
    assert pauses == []
    server.fault("info", status=status)
    hub.patiently(lambda: api.repo_info("alice/m"), also=(status,))
    assert len(pauses) == 1


def test_an_error_of_ours_is_not_tried_again(pauses):
    def fail():
        raise ValueError("wrong")

    assert str(raised(lambda: hub.patiently(fail))) == "wrong" and pauses == []


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(401, PermissionError, "does not accept the token"), (402, PermissionError, "a paid plan"),
     (403, PermissionError, "refuses access"), (429, ConnectionError, "answers 429"),
     (503, ConnectionError, "answers 503"), (418, OSError, "model repository alice/m: ")],
)  # fmt: skip
def test_every_status_is_explained(api, server, status, kind, words):
    server.fault("info", status=status)
    error = hub.explained(raised(lambda: api.repo_info("alice/m")), "alice/m")
    assert type(error) is kind
    assert words in str(error) and "alice/m" in str(error) and "\n" not in str(error)


def test_what_is_not_there_or_not_shown_is_explained(api, server):
    def explained(client, name, **options):
        error = raised(lambda: client.repo_info(name, **options))
        return hub.explained(error, name, revision=options.get("revision"))

    anonymous = HfApi(endpoint=server.endpoint, token=False)
    stranger = HfApi(endpoint=server.endpoint, token=server.user("bob"))
    for client, hint in ((anonymous, "log in"), (stranger, "may not see it")):
        error = explained(client, PRIVATE)
        assert type(error) is ValueError
        assert hint in str(error) and str(error).endswith(f"Received: '{PRIVATE}'")
    error = explained(api, "alice/m", revision="v9")
    assert type(error) is ValueError and "no such revision" in str(error)
    assert str(error).endswith("Received: revision='v9'")


def test_a_hub_that_does_not_answer_is_explained(api):
    lost = HfApi(endpoint="http://127.0.0.1:9", token=False)
    error = hub.explained(raised(lambda: lost.repo_info("alice/m")), "alice/m")
    assert type(error) is ConnectionError and "does not answer" in str(error)
    uncached = LocalEntryNotFoundError("none")
    error = hub.explained(uncached, "alice/m", revision="v1")
    assert type(error) is ConnectionError and "the cache holds no copy" in str(error)
    assert str(error).endswith("Received: model repository alice/m at v1")


def test_only_what_broke_off_is_busy():
    assert hub.is_busy(httpx2.ReadTimeout("late"))
    assert not hub.is_busy(httpx2.ConnectError("nobody there"))
    wrapped = RuntimeError("upload failed")
    wrapped.__cause__ = httpx2.RemoteProtocolError("cut")
    assert hub.is_busy(wrapped) and not hub.is_busy(ValueError("wrong"))


def test_a_message_holds_no_token():
    token = "hf_" + "a" * 34
    error = RuntimeError(f"refused {token}\nand more")
    error.__cause__ = ValueError(f"because of {token}")
    assert hub.first_line(error) == "refused hf_… and more because of hf_…"
