"""Jobs of Hugging Face: what is sent, what comes back, and the token in no log."""

from __future__ import annotations

import json
import os
import shlex
import signal
import site
import socket
import subprocess
import sys
import time

import pytest

from checkout import copy_checkout
from local_hub import ROOT, LocalHub
from olivetti_denoiser.publish.job import IMAGE, checkout_source

LAUNCH = shlex.split(
    "-m olivetti_denoiser launch --source https://example.org/code@main --flavor a10g-small"
)
TRAIN = shlex.split("--epochs 2 --steps-per-epoch 4 --batch-size 4 --channels 4,8 --blocks 1,1")
SETTINGS = ("PIP_", "SSL_", "LANG", "http", "HTTP", "NO_PROXY", "no_proxy", "SCIKIT_LEARN_DATA")


@pytest.fixture
def hub():
    """A Hub whose jobs have this machine's programs, and no package of the project's."""
    with LocalHub() as hub:
        hub.images[IMAGE] = {"PATH": os.defpath}
        yield hub


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--flavor", "a10g"], 2, "there are cpu-basic, a10g-small. Received: 'a10g'"),
        (["--source", "here"], 2, "olivetti-denoiser@main. Received: 'here'"),
        (["--timeout", "long"], 2, "such as 90m or 6h. Received: 'long'"),
        (["--tag", "v1.0.0"], 2, "needs --model OWNER/NAME"),
        (["--image", "nowhere"], 2, "does not take the job: "),
        (["--", "--epochs", "0"], 2, "epochs must be a whole number of at least 1. Received: 0"),
        (["--", "--distributed"], 2, "a job is one machine"),
    ],
)
def test_a_wrong_launch_is_refused_in_one_line(hub, tmp_path, arguments, code, named):
    done = hub.run(*LAUNCH, *arguments, token=hub.user("alice"), home=tmp_path, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert named in done.stderr
    assert not hub.jobs


def test_without_a_token_or_with_one_that_only_reads_nothing_starts(hub, tmp_path):
    for token, named in ((None, "set HF_TOKEN"), (hub.user("bob", role="read"), "refuses the")):
        done = hub.run(*LAUNCH, token=token, home=tmp_path, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert named in done.stderr
        assert not hub.jobs


def test_a_gpu_trains_on_jax_and_the_exit_code_is_that_of_the_failed_command(hub, tmp_path):
    token, specs = hub.user("alice"), []
    for flavor in ("cpu-basic", "a10g-small"):
        arguments = (*LAUNCH[:-1], flavor, "--source", f"{tmp_path}/nowhere@main")
        done = hub.run(*arguments, token=token, home=tmp_path, check=False)
        assert done.returncode == 128, done  # git's
        assert "nowhere" in done.stdout
        assert token not in done.stdout + done.stderr
        specs.append(list(hub.jobs.values())[-1].spec)
    assert "Nvidia A10G - small, $0.016667 a minute, 6h at most" in done.stdout
    cpu, gpu = (spec["environment"] for spec in specs)
    assert cpu["EXTRAS"] == "train" and "KERAS_BACKEND" not in cpu
    assert dict(gpu.items() - cpu.items()) == {"EXTRAS": "train,cuda", "KERAS_BACKEND": "jax"}
    assert specs[0]["command"] == specs[1]["command"]


def test_ctrl_c_leaves_the_job_and_says_how_to_end_it(hub, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # where git waits for an answer
        token = hub.user("alice")
        source = f"http://127.0.0.1:{silent.getsockname()[1]}/code@main"
        client = subprocess.Popen(
            [sys.executable, *LAUNCH, "--source", source],
            env=os.environ | hub.environment(token, tmp_path),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not hub.count("job-logs"):
            assert client.poll() is None, client.communicate()
            time.sleep(0.05)
        client.send_signal(signal.SIGINT)
        shown = "".join(client.communicate(timeout=20))
        (job,) = hub.jobs.values()
        assert client.returncode == 3
        assert job.stage == "RUNNING"
        assert f"`hf jobs cancel alice/{job.id}` ends it" in shown
        cancel = f"from huggingface_hub import cancel_job; cancel_job(job_id={job.id!r})"
        hub.run("-c", cancel, token=token, home=tmp_path)
        assert job.stage == "CANCELED"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/you/code.git", "https://example.org/you/code.git"),
        ("https://you:hf_secret@example.org/you/code", "https://example.org/you/code"),
        ("git@example.org:you/code.git", "https://example.org/you/code.git"),
        ("ssh://git@example.org:22/you/code.git", "https://example.org/you/code.git"),
    ],
)
def test_a_job_clones_the_checkouts_own_remote(tmp_path, remote, address):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=T", "-c", "user.email=t@example.org"]

    def run(*arguments):
        subprocess.run([*git, *arguments], check=True, capture_output=True)

    run("init", "--initial-branch", "work")
    run("commit", "--allow-empty", "--message", "Begin")
    with pytest.raises(ValueError, match="give --source URL@REVISION"):
        checkout_source(tmp_path)
    run("remote", "add", "origin", remote)
    assert checkout_source(tmp_path) == f"{address}@work"
    run("tag", "v1.2.3")
    assert checkout_source(tmp_path) == f"{address}@v1.2.3"


def test_outside_a_checkout_a_job_asks_for_its_source(tmp_path):
    with pytest.raises(ValueError, match="give --source URL@REVISION"):
        checkout_source(tmp_path)


def image(folder):
    """Returns the environment of an image: a Python that has what training needs, and git.

    It has the packages of this one, so that pip finds all of them installed, but not the project.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    library = next((folder / "lib").glob("python*/site-packages"))
    (library / "installed.pth").write_text("\n".join(site.getsitepackages()))
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path} | {
        name: value for name, value in os.environ.items() if name.startswith(SETTINGS)
    }


def release(folder):
    """Makes a repository of the working tree with the released version's tag, as on GitHub."""
    copy_checkout(folder)
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in ("init --quiet", "add --all", "commit --quiet -m All", "tag v1.2.3"):
        subprocess.run(["git", *author, *command.split()], cwd=folder, check=True)
    return f"file://{folder}@v1.2.3"


@pytest.mark.slow
def test_a_job_trains_and_publishes(faces, tmp_path):
    with LocalHub() as hub:
        token, home = hub.user("alice"), tmp_path / "home"
        machine = hub.environment(None, tmp_path / "machine-home")
        for name in ("HF_HOME", "HF_TOKEN", "KERAS_BACKEND", "PYTHONPATH"):
            del machine[name]
        hub.images[IMAGE] = machine | image(tmp_path / "image")
        (tmp_path / "code").mkdir()
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"validation_faces": 4, "seed": 3}))
        arguments = [
            "--source", release(tmp_path / "code"), "--model", "alice/m", "--tag", "v1.0.0",
            "--timeout", "20m", "--", *TRAIN, "--config", str(config),
        ]  # fmt: skip
        # The flavor is a CPU's: the packages of a GPU's are larger than a test may download.
        launch = (*LAUNCH[:-1], "cpu-basic")
        done = subprocess.run(
            [sys.executable, *launch, *arguments],
            env=os.environ | hub.environment(token, home),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=900,
        )
        (job,) = hub.jobs.values()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "The job is completed" in done.stdout.splitlines()[-1]

        # What the Hub received: the command, the flavor and the secret; the token nowhere else.
        spec = job.spec
        assert (spec["flavor"], spec["dockerImage"], spec["timeoutSeconds"]) == (
            "cpu-basic", IMAGE, 1200
        )  # fmt: skip
        assert spec["command"][:2] == ["bash", "-c"]
        assert spec["command"][4:] == [*TRAIN, "--config", str(config)]
        publishing = "denoiser publish outputs/model --model alice/m --tag v1.0.0"
        assert publishing in spec["command"][2]
        assert json.loads(spec["environment"]["TRAINING_CONFIG"]) == json.loads(config.read_text())
        assert spec["secrets"] == {"HF_TOKEN": token}
        assert token not in json.dumps(spec | {"secrets": None})
        log = "\n".join(event["data"] for event in job.lines())
        assert token not in log + done.stdout + done.stderr
        assert "Epoch 2/2" in log

        # What is published is what was trained with these options.
        repository = hub.repository("alice/m")
        assert repository.tags == {"v1.0.0": repository.head.oid}
        trained = json.loads(hub.read("alice/m", "training_config.json"))
        assert (trained["epochs"], trained["validation_faces"], trained["seed"]) == (2, 4, 3)
