"""Train and publish on a machine of Hugging Face: one Job of the Hub.

    denoiser launch --flavor a10g-small --model OWNER/olivetti-denoiser -- --epochs 100
    >>> launch(["--epochs", "100"], flavor="a10g-small", publish=["--model", "OWNER/name"])

The job clones the project, installs it, trains and publishes. Its token is a secret of the job, so
it stands in no command and no log; https://huggingface.co/docs/huggingface_hub/guides/jobs.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from olivetti_denoiser import hub

IMAGE = "python:3.12"  # has git; the CUDA libraries come with JAX's packages
CHECKOUT = Path(__file__).resolve().parents[3]
TIMEOUT = "6h"  # the Hub's own default of half an hour is too short to train anything
STOPPED, FAILED = 3, 1

# "$@" holds the options of `denoiser train`. A config file travels in the environment, and the exit
# code, which the Hub's own figures lack, in the log's last line.
SCRIPT = """\
set -eu
trap 'code=$?; [ $code = 0 ] || echo "Exit code $code"' EXIT
git clone --quiet --depth 1 --branch "$SOURCE_REVISION" "$SOURCE" olivetti-denoiser
cd olivetti-denoiser
pip install --quiet --root-user-action ignore --editable ".[$EXTRAS]"
if [ -n "${TRAINING_CONFIG:-}" ]; then
    printf %s "$TRAINING_CONFIG" > given_config.json
    set -- "$@" --config given_config.json
fi
denoiser train "$@" --output outputs/model
"""


def launch(
    options: Sequence[str],
    *,
    flavor: str,
    publish: Sequence[str] = (),
    config: str | Path | None = None,
    image: str = IMAGE,
    source: str | None = None,
    timeout: str = TIMEOUT,
    say: Callable[[str], None] = print,
) -> int:
    """Runs a training as a Job, and follows it to its end.

    Args:
        options: those of `denoiser train`; the model's folder is the job's own.
        flavor: the machine, such as "a10g-small"; its GPUs all take part.
        publish: options of `denoiser publish`; nothing is published without any, and the job's
            files are gone when it ends.
        config: a JSON file with options of `denoiser train`, whose text goes to the job.
        image: Docker image with Python, pip and git.
        source: URL@REVISION of the project's repository, a branch or a tag; None takes the
            remote and the branch of the checkout that this code lies in.
        timeout: how long the job may take, in the Hub's units: 90m, 6h, 1d.
        say: receives the job's log, line by line.

    Returns:
        0 if the job is completed, 3 if it was cancelled or left alone by Ctrl-C, else the exit
        code of the command that failed in it.

    Raises:
        ValueError: no such flavor; the message names those that there are. Or no source: this code
            lies in no checkout with a remote.
        PermissionError: there is no token, or it may not start jobs.
        ConnectionError: the Hub does not answer.
    """
    from huggingface_hub import HfApi, get_token

    address, revision = _split(source or checkout_source())
    if not re.fullmatch(r"\d+(\.\d+)?[smhd]?", timeout):
        raise ValueError(
            f"a job's timeout is a number and a unit, such as 90m or 6h. Received: {timeout!r}"
        )
    token = get_token()
    if not token:
        raise PermissionError(
            "a job needs a token that may start jobs and write: log in with `hf auth login` or "
            "set HF_TOKEN."
        )
    api = HfApi(token=token)
    hardware = _hardware(api, flavor)
    environment = {"SOURCE": address, "SOURCE_REVISION": revision, "EXTRAS": "train"}
    if hardware.accelerator:
        environment |= {"EXTRAS": "train,cuda", "KERAS_BACKEND": "jax"}
    if config:
        environment["TRAINING_CONFIG"] = Path(config).read_text(encoding="utf-8")
    job = _asked(
        lambda: api.run_job(
            image=image,
            command=["bash", "-c", _script(publish), "denoiser", *options],
            env=environment,
            secrets={"HF_TOKEN": token},
            flavor=flavor,
            timeout=timeout,
        )
    )
    say(f"The job clones {address} at {revision}")
    price = f"${hardware.unit_cost_usd:g} a {hardware.unit_label}"
    say(f"{hardware.pretty_name}, {price}, {timeout} at most: {job.url}")
    if not publish:
        say("Nothing will be published: the model is gone when the job ends; see --model.")
    return _follow(api, job, say)


def checkout_source(checkout: str | Path = CHECKOUT) -> str:
    """Returns URL@REVISION of a checkout's own remote, without any name or password in it.

    The revision is the tag of the current commit, else the current branch. A job has no SSH key, so
    an SSH address becomes the HTTPS address of the same repository.

    Args:
        checkout: the folder of the repository.

    Raises:
        ValueError: it is no checkout, or has no remote, or is on no branch or tag.
    """
    remote = _git(checkout, "remote", "get-url", "origin")
    revision = _git(checkout, "describe", "--exact-match", "--tags") or _git(
        checkout, "symbolic-ref", "--short", "HEAD"
    )
    if not remote or not revision or not (Path(checkout) / ".git").exists():
        raise ValueError(
            "a job clones the project from its repository: give --source URL@REVISION, such as "
            f"https://github.com/you/olivetti-denoiser@main. Received: no --source, and {checkout} "
            "is no checkout with a remote and a branch"
        )
    ssh = re.fullmatch(r"(?:ssh://)?[\w.-]+@([\w.-]+)(?::\d+(?=/))?[:/](.+)", remote)
    if ssh:
        remote = f"https://{ssh[1]}/{ssh[2]}"
    return f"{re.sub(r'(?<=://)[^/@]*@', '', remote)}@{revision}"


def _git(checkout, *arguments):
    """What git prints, or "" where it cannot answer."""
    try:
        command = ["git", "-C", str(checkout), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _split(source):
    address, _, revision = source.rpartition("@")
    if not address or not revision:
        raise ValueError(
            "a source is URL@REVISION, such as https://github.com/you/olivetti-denoiser@main. "
            f"Received: {source!r}"
        )
    return address, revision


def _hardware(api, flavor):
    """The Hub's own description of a flavor."""
    known = {hardware.name: hardware for hardware in _asked(api.list_jobs_hardware)}
    if flavor not in known:
        raise ValueError(f"no such flavor; there are {', '.join(known)}. Received: {flavor!r}")
    return known[flavor]


def _script(publish):
    if not publish:
        return SCRIPT
    return f"{SCRIPT}denoiser publish outputs/model {shlex.join(publish)}\n"


def _follow(api, job, say):
    """Shows the log until the job's end and returns its exit code."""
    where = {"job_id": job.id, "namespace": job.owner.name}
    name, line = f"{job.owner.name}/{job.id}", ""
    try:
        for line in api.fetch_job_logs(**where, follow=True):
            say(hub.TOKEN.sub("hf_…", line.rstrip("\n")))
        status = api.wait_for_job(**where).status
    except KeyboardInterrupt:
        say(
            f"The job goes on: `hf jobs logs --follow {name}` shows it, `hf jobs cancel {name}` "
            "ends it."
        )
        return STOPPED
    except Exception as error:
        raise ConnectionError(
            f"the job's log broke off ({hub.first_line(error)}); the job goes on: "
            f"`hf jobs logs --follow {name}` shows it"
        ) from error
    said = f": {status.message}" if status.message else ""
    say(f"The job is {status.stage.lower()}{said}")
    if status.stage == "COMPLETED":
        return 0
    if status.stage in ("CANCELED", "DELETED"):
        return STOPPED
    code = re.fullmatch(r"Exit code (\d+)", line.strip())
    return int(code[1]) if code else FAILED


def _asked(operation):
    """Runs an operation of the Jobs API and says in one line what went wrong."""
    try:
        return operation()
    except Exception as error:
        status, said = hub.status_of(error), hub.first_line(error)
        if status in (401, 402, 403):
            why = "wants a paid plan or credit for it" if status == 402 else "refuses the token"
            raise PermissionError(
                f"the Hub starts no job and {why} ({said}); the token needs the right to jobs, "
                "https://huggingface.co/settings/tokens."
            ) from None
        if status == 400:
            raise ValueError(f"the Hub does not take the job: {said}") from None
        raise ConnectionError(f"the Hub starts no job: {said}") from error
