"""The local Hub answers the unmodified client as the real one does."""

from __future__ import annotations

import json

import pytest

from local_hub import LocalHub

EXPECTED = {
    "me": ["alice", "write"],
    "url": "alice/m",
    "exists": ["HfHubHTTPError", 409],
    "namespace": ["HfHubHTTPError", 403],
    "unchanged": True,
    "stale": ["HfHubHTTPError", 412],
    "tag twice": ["HfHubHTTPError", 409],
    "refs": [["main", "next"], ["v1.0.0"]],
    "tree": [".gitattributes", "README.md", "a", "a/b", "a/b/c.txt", "a/big.h5"],
    "paths": ["RepoFile", "RepoFolder"],
    "lfs": 5000,
    "verified": 0,
    "cached tree": 4,
    "left": [".gitattributes", "README.md", "a/big.h5"],
    "history": ["less", "one", "initial commit"],
    "auth": None,
    "bad card": "Invalid metadata in README.md.",
    "no file": ["RemoteEntryNotFoundError", 404],
    "no revision": ["RevisionNotFoundError", 404],
    "no repository": ["RepositoryNotFoundError", 404],
    "anonymous": ["RepositoryNotFoundError", 401],
    "stranger": ["RepositoryNotFoundError", 404],
    "reader": ["HfHubHTTPError", 403],
    "bad token": ["HfHubHTTPError", 401],
    "variables": {"A": "1"},
    "secrets": ["B"],
    "runtime": ["RUNNING", "gradio"],
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with LocalHub(page_size=4) as hub:  # small pages, so that the listing takes two
        alice, tokens = hub.user("alice"), {"STRANGER": hub.user("bob")}
        tokens["READER"] = hub.user("alice", role="read")
        done = hub.run(
            "tests/helpers/hub_scripts.py", "wire", str(home), token=alice, home=home, **tokens
        )
        unknown = [entry for entry in hub.log if entry[0] == "unknown"]
        pages = hub.count("tree")
    return json.loads(done.stdout.splitlines()[-1]) | {"unknown": unknown, "pages": pages}


@pytest.mark.parametrize("what", EXPECTED)
def test_client_sees(seen, what):
    assert seen[what] == EXPECTED[what]


def test_every_request_has_a_route(seen):
    assert seen["unknown"] == []
    assert seen["pages"] > 3
