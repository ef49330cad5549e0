"""The credentials that a run publishes with: found in a moment, before anything is trained."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi

from olivetti_denoiser.publish.credentials import find_credentials

NAME = "alice/m"
NAMES = {"model": NAME, "dataset": NAME}


@pytest.fixture(autouse=True)
def model(hub, monkeypatch):
    """A model of alice's, and no token any more."""
    HfApi().create_repo(NAME)
    monkeypatch.setenv("HF_TOKEN", "")


@pytest.mark.smoke
def test_a_token_has_to_write(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.user("alice"))
    assert find_credentials(NAMES) == (True, "Publishes with the token of alice.")
    for token, words in (
        (hub.user("alice", role="read"), "may only read"),
        ("hf_" + "x" * 34, "does not accept the token"),
    ):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(PermissionError, match=words) as refused:
            find_credentials(NAMES)
        assert token not in str(refused.value) and "\n" not in str(refused.value)


def test_nothing_named_and_nothing_given(hub):
    found, why = find_credentials({})
    assert not found and "no repository on the Hub is named" in why
    found, why = find_credentials(NAMES)
    assert not found and "there is no HF_TOKEN" in why
    with pytest.raises(ValueError, match="OWNER/NAME"):
        find_credentials({"model": "alice"})


def test_trusted_by_some_is_an_error_and_by_none_is_none(hub, monkeypatch):
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", "identity-of-a-workflow")
    assert not find_credentials(NAMES)[0]
    hub.trusted["identity-of-a-workflow"] = "alice"
    found, why = find_credentials({"model": NAME})
    assert found and why.endswith(f"publisher of {NAME}.")
    hub.fault("exchange", status=400)
    with pytest.raises(PermissionError, match="but not of datasets/alice/m; add it in"):
        find_credentials({"model": NAME, "dataset": NAME})
