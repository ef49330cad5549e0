"""The credentials that a run publishes with: found in a moment, before anything is trained."""

from __future__ import annotations

import pytest

from local_hub import LocalHub
from workflow_steps import Identity

NAME = "alice/m"
KINDS = ("--model", NAME, "--dataset", NAME)


@pytest.fixture(scope="module")
def hub():
    """A Hub on which alice has a model and no dataset."""
    with LocalHub() as hub:
        token = hub.user("alice")
        script = f"from huggingface_hub import create_repo; create_repo({NAME!r})"
        hub.run("-c", script, token=token, home="/nonexistent")
        yield hub


def ask(hub, tmp_path, *arguments, token=None, **variables):
    done = hub.run(
        "-m", "olivetti_denoiser", "credentials", *arguments,
        token=token, home=tmp_path, check=False, **variables,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines())
    return done.returncode, pairs.get("credentials"), pairs.get("why", done.stderr)


def test_a_token_that_writes(hub, tmp_path):
    token = hub.user("alice")
    status, kind, why = ask(hub, tmp_path, *KINDS, token=token)
    assert (status, kind) == (0, "token")
    assert why == "Publishes with the token of alice."


@pytest.mark.parametrize(
    ("role", "said"), [("read", "may only read"), (None, "does not accept the token")]
)
def test_a_token_that_does_not_write_ends_the_run_at_once(hub, tmp_path, role, said):
    token = hub.user("alice", role=role) if role else "hf_" + "x" * 34
    status, kind, why = ask(hub, tmp_path, *KINDS, token=token)
    assert (status, kind) == (1, None)
    assert said in why and token not in why
    assert len(why.strip().splitlines()) == 1


def test_nothing_named_and_nothing_given(hub, tmp_path):
    status, kind, why = ask(hub, tmp_path)
    assert (status, kind) == (0, "none") and "no repository on the Hub is named" in why
    status, kind, why = ask(hub, tmp_path, *KINDS)
    assert (status, kind) == (0, "none") and "there is no HF_TOKEN" in why
    status, _, why = ask(hub, tmp_path, "--model", "alice")
    assert status == 2 and "OWNER/NAME" in why


def test_trusted_by_some_is_an_error_and_by_none_is_none(hub, tmp_path):
    """The Hub trusts this identity, and believes only repositories that exist."""
    with Identity(hub.endpoint, "identity-of-a-workflow") as identity:
        job = {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": identity.address,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": identity.request_token,
        }
        assert ask(hub, tmp_path, *KINDS, **job)[:2] == (0, "none")
        hub.trusted[identity.token] = "alice"
        status, kind, why = ask(hub, tmp_path, "--model", NAME, **job)
        assert (status, kind) == (0, "trusted") and why.endswith(f"publisher of {NAME}.")
        hub.fault("exchange", status=400, after=1)
        status, kind, why = ask(hub, tmp_path, *KINDS, **job)
        assert (status, kind) == (1, None)
        assert f"but not of datasets/{NAME}; add it in the settings" in why
