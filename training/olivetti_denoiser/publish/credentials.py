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

RESOURCE = "HF_OIDC_RESOURCE"  # for which repository the client exchanges the identity
# Where a CI job's identity comes from: GitHub's own address, or a token made by the job.
IDENTITY = ("ACTIONS_ID_TOKEN_REQUEST_URL", "HF_OIDC_ID_TOKEN")
NOT_TRUSTED = (400, 401, 403, 404)


def find_credentials(names: Mapping[str, str]) -> tuple[bool, str]:
    """Find out whether the repositories can be published to, and touch nothing.

    Args:
        names: OWNER/NAME of each kind, "model", "dataset", "space"; may be empty.

    Returns:
        Whether they can, and one sentence for people.

    Raises:
        ValueError: A name is not OWNER/NAME.
        PermissionError: The token is refused or only reads, or only some of the repositories trust
            this workflow.
        ConnectionError: The Hub does not answer.
    """
    from huggingface_hub import get_token

    for name in names.values():
        hub.check_repo_id(name)
    if not names:
        return False, "Nothing is published: no repository on the Hub is named."
    if token := get_token():
        return True, f"Publishes with the token of {_owner(token, names)}."
    resources = {kind: hub.ADDRESSES[kind] + name for kind, name in names.items()}
    refusing = [resources[kind] for kind, name in names.items() if not token_for(kind, name)]
    if not refusing:
        return True, f"Publishes as a trusted publisher of {', '.join(resources.values())}."
    if len(refusing) == len(resources):
        return (
            False,
            "Nothing is published: there is no HF_TOKEN, and this run is a trusted publisher of "
            f"none of {', '.join(refusing)}.",
        )
    raise PermissionError(
        f"this run is a trusted publisher of some of the repositories, but not of "
        f"{', '.join(refusing)}; add it in the settings there, or set HF_TOKEN."
    )


def token_for(kind: str, name: str) -> str | None:
    """Return the stored token, or the one that a trusted publisher gets for a repository.

    Args:
        kind: "model", "dataset" or "space".
        name: OWNER/NAME.

    Raises:
        PermissionError, ConnectionError: No identity can be had, or the Hub does not answer.
    """
    from huggingface_hub import errors, get_token

    os.environ.pop(RESOURCE, None)  # of one repository, by whoever started this
    if (token := get_token()) or not any(map(os.environ.get, IDENTITY)):
        return token
    os.environ[RESOURCE] = hub.ADDRESSES[kind] + name
    try:
        return hub.patiently(get_token)
    except errors.OIDCError as error:
        raise PermissionError(hub.first_line(error)) from None
    except Exception as error:
        if hub.status_of(error) in NOT_TRUSTED:
            return None
        raise hub.explained(error, name, kind) from error
    finally:
        del os.environ[RESOURCE]


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
