"""Find the credentials to publish with: a token, a trusted publisher, or none.

    denoiser credentials --model owner/olivetti-denoiser --space owner/olivetti-denoiser

A trusted publisher (https://huggingface.co/docs/hub/trusted-publishers) is a workflow that may
publish to a repository without a stored secret: its identity token is exchanged for a token that
writes to this one repository for an hour. The workflow runs this check before the training, which
takes half an hour.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from olivetti_denoiser import hub

TOKEN, TRUSTED, NONE = "token", "trusted", "none"
RESOURCE = "HF_OIDC_RESOURCE"
# Where a CI job's identity comes from: GitHub's own address, or a token made by the job.
IDENTITY = ("ACTIONS_ID_TOKEN_REQUEST_URL", "HF_OIDC_ID_TOKEN")
NOT_TRUSTED = (400, 401, 403, 404)


def find_credentials(names: Mapping[str, str]) -> tuple[str, str]:
    """Find out how the repositories can be published to, and touch nothing.

    Args:
        names: OWNER/NAME of each kind, "model", "dataset", "space"; may be empty.

    Returns:
        "token", "trusted" or "none", and one sentence for people.

    Raises:
        ValueError: A name is not OWNER/NAME.
        PermissionError: The token is refused or only reads, or only some of the repositories trust
            this workflow.
        ConnectionError: The Hub does not answer.
    """
    for name in names.values():
        hub.check_repo_id(name)
    if not names:
        return (NONE, "Nothing is published: no repository on the Hub is named.")
    if token := _token_for(None):
        return (TOKEN, f"Publishes with the token of {_owner(token, names)}.")
    if not any(map(os.environ.get, IDENTITY)):
        return (NONE, "Nothing is published: there is no HF_TOKEN.")
    resources = [hub.ADDRESSES[kind] + name for kind, name in names.items()]
    refusing = [resource for resource in resources if not _trusts(resource)]
    if not refusing:
        return (TRUSTED, f"Publishes as a trusted publisher of {', '.join(resources)}.")
    if len(refusing) == len(resources):
        return (
            NONE,
            "Nothing is published: there is no HF_TOKEN, and this run is a trusted publisher of "
            f"none of {', '.join(refusing)}.",
        )
    raise PermissionError(
        f"this run is a trusted publisher of some of the repositories, but not of "
        f"{', '.join(refusing)}; add it in the settings there, or set HF_TOKEN."
    )


def _token_for(resource: str | None) -> str | None:
    """Return the stored token, or the one that a trusted publisher gets for a repository."""
    from huggingface_hub import get_token

    before = os.environ.pop(RESOURCE, None)
    try:
        if resource is not None:
            os.environ[RESOURCE] = resource
        return hub.patiently(get_token)
    finally:
        os.environ.pop(RESOURCE, None)
        if before is not None:
            os.environ[RESOURCE] = before


def _owner(token: str, names: Mapping[str, str]) -> str:
    from huggingface_hub import HfApi

    try:
        account = hub.patiently(lambda: HfApi(token=token).whoami())
    except Exception as error:
        kind, name = next(iter(names.items()))
        raise hub.explained(error, name, kind) from None
    if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PermissionError(
            f"the token of {account['name']} may only read; make one that may write to "
            f"{', '.join(dict.fromkeys(names.values()))}."
        )
    return account["name"]


def _trusts(resource: str) -> bool:
    """Tell whether the repository gives this job a token, which is thrown away again."""
    from huggingface_hub import errors

    try:
        return bool(_token_for(resource))
    except errors.OIDCError as error:
        raise PermissionError(hub.first_line(error)) from None
    except Exception as error:
        if hub.status_of(error) in NOT_TRUSTED:
            return False
        raise hub.explained(error, resource) from error
