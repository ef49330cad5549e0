"""The workflows: valid, safe, and every step of the retraining run as GitHub would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from actions_runner import ROOT, WORKFLOWS, Identity, Job, link_environment, read_workflow
from local_hub import LocalHub
from static_space import link_packages

TINY = {"steps_per_epoch": 3, "channels": [8, 16], "blocks": [1, 1], "validation_faces": 4}
NAME = "alice/olivetti-denoiser"
KINDS = ("models", "datasets", "spaces")
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
        ("zizmor", "--offline", "--no-progress"),
    ],
    ids=lambda command: command[0],
)
def test_the_linters_find_nothing(command):
    files = sorted(WORKFLOWS.glob("*.yml"))
    assert {path.name for path in files} >= {"test.yml", "retrain.yml"}
    done = subprocess.run(
        [BIN / command[0], *command[1:], *files], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["test.yml", "retrain.yml"])
def test_actions_are_pinned_and_jobs_bounded(name):
    text = (WORKFLOWS / name).read_text()
    uses = re.findall(r"uses: (.+)", text)
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    workflow = read_workflow(name)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 360  # when GitHub ends it anyway
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_pull_requests_run_what_the_readme_says():
    workflow = read_workflow("test.yml")
    assert {"pull_request", "push"} == set(workflow["on"])
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    commands = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert commands[:2] == ["tests/install_programs.sh", "make lint"]
    assert commands[-1] == "make test ARGS=--all"
    assert os.access(ROOT / commands[0], os.X_OK)
    assert "$ make test" in (ROOT / "README.md").read_text()
    for target in ("lint", "test"):
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_other_systems_install_the_package_and_restore_a_picture():
    """In the words of README, on a picture that is there."""
    steps = read_workflow("test.yml")["jobs"]["first-run"]["steps"]
    install, restore = (step["run"] for step in steps if "run" in step)
    (extras,) = re.findall(r'^pip install "?\.([^"]*)', install)
    assert f"olivetti-denoiser{extras} @ git" in (ROOT / "README.md").read_text()
    assert restore.startswith("denoiser restore ") and (ROOT / restore.split()[2]).is_file()


def test_a_publication_is_never_cut_short_and_comes_every_month():
    workflow = read_workflow("retrain.yml")
    assert workflow["concurrency"] == {"group": "retrain", "cancel-in-progress": False}
    (cron,) = workflow["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \d+ \* \*", cron["cron"])
    inputs = workflow["on"]["workflow_dispatch"]["inputs"]
    assert {"preset", "epochs", "sigma", "seed", "dataset", "tag", "publish"} <= set(inputs)
    assert all("type" in declared for declared in inputs.values())


STUB = """#!/bin/sh
echo "${0##*/} $*${HF_OIDC_RESOURCE:+ (for $HF_OIDC_RESOURCE)}" >> "$RECORD"
[ "$1" != "$FAILING" ] || exit 3
[ "$1" != credentials ] || echo "credentials=$FOUND"
"""


@pytest.fixture
def commands(tmp_path):
    """Runs the retraining job with programs that only note how they are called."""

    def run(inputs=None, owner=True, space="", found="token", failing=""):
        workspace, record = tmp_path / "checkout", tmp_path / "record"
        for program in (workspace / ".venv/bin/denoiser", tmp_path / "bin/make"):
            program.parent.mkdir(parents=True)
            program.write_text(STUB)
            program.chmod(0o755)
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "RECORD": str(record),
            "FOUND": found,
            "FAILING": failing,
        }
        variables = ({"HF_OWNER": "alice"} if owner else {}) | {"HF_SPACE": space}
        Job(
            "retrain.yml", "retrain", workspace,
            inputs=inputs, variables=variables, environment=environment,
        ).run()  # fmt: skip
        return record.read_text().splitlines()

    return run


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        (None, "--preset default --max-minutes 330"),  # the schedule
        ({}, "--preset default --max-minutes 330"),  # nothing typed
        ({"preset": "colour", "seed": 0}, "--preset colour --max-minutes 330 --seed 0"),
        (
            {"preset": "quick", "epochs": 2, "sigma": 0.2, "config": "my own.json"},
            "--preset quick --max-minutes 330 --config my own.json --epochs 2 --sigma 0.2",
        ),
        ({"dataset": "bob/faces"}, "--preset default --max-minutes 330 --dataset bob/faces"),
    ],
)
def test_what_is_typed_is_what_is_trained(commands, inputs, options):
    trained = [line for line in commands(inputs) if line.startswith("denoiser train")]
    assert trained == [f"denoiser train --output outputs/model {options}"]


def test_a_training_leaves_time_to_measure_and_publish():
    job = read_workflow("retrain.yml")["jobs"]["retrain"]
    train = next(step["run"] for step in job["steps"] if step.get("id") == "train")
    assert int(re.search(r"--max-minutes (\d+)", train)[1]) <= job["timeout-minutes"] - 30


PUBLISHED = f"--model {NAME} --dataset {NAME}"
SPACE = f"--space {NAME}"


def publish(resource=None, options=f"{PUBLISHED} {SPACE}"):
    """The noted line of a publication."""
    return f"denoiser publish outputs/model {options}" + (f" (for {resource})" if resource else "")


@pytest.mark.parametrize(
    ("case", "published"),
    [
        ({"inputs": {"tag": "v1.0.0"}}, [publish(options=f"{PUBLISHED} {SPACE} --tag v1.0.0")]),
        ({"space": "none"}, [publish(options=PUBLISHED)]),  # the owner wants no Space
        (  # each repository has a token of its own
            {"found": "trusted"},
            [publish(NAME), publish(f"datasets/{NAME}"), publish(f"spaces/{NAME}")],
        ),
        ({"found": "trusted", "failing": "publish"}, [publish(NAME)]),  # a worse model
        ({"found": "none"}, []),
        ({"owner": False, "found": "none"}, []),
        ({"inputs": {"publish": False}}, []),
        ({"failing": "train"}, []),
    ],
)
def test_what_is_published_follows_the_right_to_publish(commands, case, published):
    lines = commands(**{"inputs": {}} | case)
    assert [line for line in lines if line.startswith("denoiser publish")] == published
    looked = any(line.startswith("denoiser credentials") for line in lines)
    assert looked == (case.get("inputs") != {"publish": False})
    assert ("make browser" in lines) == (bool(published) and case.get("space") != "none")
    shown = any(line.startswith("denoiser addresses") for line in lines)
    assert shown == (bool(published) and "failing" not in case)


@pytest.fixture(scope="module")
def base(faces, tmp_path_factory):
    """A checkout in an environment that is installed, and a home with the faces in it."""
    folder = tmp_path_factory.mktemp("workflow")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("training", "space", "model_card", ".github"):
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, checkout / name, ignore=leave)
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy2(ROOT / name, checkout)
    (checkout / "tiny.json").write_text(json.dumps(TINY))
    link_environment(checkout / ".venv", Path(sys.prefix))
    link_packages(checkout / ".node")
    (folder / "home").mkdir()
    data = os.environ.get("SCIKIT_LEARN_DATA") or Path.home() / "scikit_learn_data"
    (folder / "home" / "scikit_learn_data").symlink_to(data)
    return folder


@pytest.fixture(scope="module")
def retrain(base):
    """Runs the retraining job: `retrain(case, hub, **options)`."""

    def run(case, hub, *, trained_by=None, identity=None, inputs=None, **options):
        workspace = base / case
        shutil.copytree(base / "checkout", workspace, symlinks=True)
        if trained_by is not None:
            shutil.copytree(trained_by.workspace / "outputs", workspace / "outputs")
        variables = hub.environment(None, base / f"{case}-hf")
        environment = {
            "HOME": str(base / "home"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(workspace / "training"),
            **{key: variables[key] for key in ("HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_XET")},
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        return Job(
            "retrain.yml",
            "retrain",
            workspace,
            inputs={"epochs": 2, "config": "tiny.json"} | (inputs or {}),
            environment=environment,
            identity=identity,
            prepared=("train",) if trained_by is not None else (),
            **options,
        ).run()

    return run


@pytest.fixture(scope="module")
def runs(retrain):
    """The job in its three cases; all but the first find the first one's training done."""
    owner = {"HF_OWNER": "alice"}
    with LocalHub() as hub, LocalHub() as trusting:
        token, other = hub.user("alice"), trusting.user("alice")
        runs = {"hub": hub, "trusting": trusting, "hf_token": token}
        secrets = {"HF_TOKEN": token}
        runs["token"] = first = retrain(
            "token", hub, inputs={"tag": "v1.0.0"}, variables=owner, secrets=secrets
        )
        assert first.conclusion == "success", first.steps
        better = worse_than_released(hub)
        make_empty_repositories(trusting, other)
        with Identity(trusting.endpoint) as known:
            trusting.trusted[known.token] = "alice"
            runs["trusted"] = retrain(
                "trusted", trusting, trained_by=first, identity=known, variables=owner
            )
        runs["worse"] = retrain("worse", hub, trained_by=first, variables=owner, secrets=secrets)
    return runs | better


def worse_than_released(hub):
    """Let somebody publish a better model over the one just published."""
    repository = hub.repository(NAME)
    metrics = json.loads(hub.read(NAME, "metrics.json"))
    model = metrics["parts"]["test"]["methods"]["model"]
    model["psnr"] = {key: value + 1 for key, value in model["psnr"].items()}
    for face in metrics["faces"]:
        face["psnr"] += 1
    entry = hub.store(json.dumps(metrics).encode(), lfs=False)
    files = repository.head.files | {"metrics.json": entry}
    repository.add("main", files, "Publish v1.0.1", "", "bob")
    commits = {key: len(value.commits) for key, value in hub.repositories.items()}
    return {"released": model["psnr"]["mean"], "commits": commits}


def make_empty_repositories(hub, token):
    """What an owner does before naming a trusted publisher."""
    script = (
        "from huggingface_hub import create_repo\n"
        "for kind in ('model', 'dataset', 'space'):\n"
        "    sdk = {'space_sdk': 'gradio'} if kind == 'space' else {}\n"
        f"    create_repo({NAME!r}, repo_type=kind, **sdk)\n"
    )
    hub.run("-c", script, token=token, home=Path(os.devnull).parent)


def outcomes(job):
    return {step.name: step.outcome for step in job.steps}


PUBLISHING = {
    "token": "Publish with the token",
    "trusted": "Publish as a trusted publisher",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ["token", "trusted", "worse"])
def test_every_case_shows_the_figures_of_its_metrics(runs, case):
    job = runs[case]
    metrics = json.loads((job.workspace / "outputs/model/metrics.json").read_text())
    psnr = metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert re.search(rf"^\| test faces, PSNR dB +\| +{psnr:.3f} ", job.summary, re.M)
    assert re.search(r"^\| epochs, best +\| +2, ", job.summary, re.M)
    assert "(https://github.com/alice/fork/actions/runs/1#artifacts)" in job.summary
    assert job.step("Keep the run and the model").outcome == "action"
    assert (job.workspace / "outputs/model/README.md").is_file()
    assert (job.workspace / "outputs/model.run/history.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["token", "trusted"])
def test_either_credential_publishes_three_repositories(runs, case):
    job, hub = runs[case], runs["hub" if case == "token" else "trusting"]
    assert job.conclusion == "success", [step for step in job.steps if step.outcome == "failure"]
    ran = [name for name in PUBLISHING.values() if outcomes(job)[name] == "success"]
    assert ran == [PUBLISHING[case]]
    assert set(hub.repositories) == {(kind, NAME) for kind in KINDS}
    published = hub.repository(NAME).commits[1]
    metrics = (job.workspace / "outputs/model/metrics.json").read_bytes()
    assert hub.blobs[published.files["metrics.json"].oid] == metrics
    for page in ("", "datasets/", "spaces/"):
        assert f"{hub.endpoint}/{page}{NAME} at `" in job.summary
    for png in ("comparison.png", "loss_curves.png"):
        assert f"![{png}]({hub.endpoint}/{NAME}/resolve/{published.oid}/{png})" in job.summary
        assert png in published.files
    space = hub.repository(NAME, "spaces")
    assert "app.py" in space.head.files
    assert space.variables["MODEL_REVISION"]["value"] == published.oid
    assert any(path.endswith(".parquet") for path in hub.repository(NAME, "datasets").head.files)
    if case == "token":
        assert hub.repository(NAME).tags == {"v1.0.0": published.oid}


@pytest.mark.slow
def test_a_worse_model_ends_red_with_both_figures_and_publishes_nothing(runs):
    job, hub = runs["worse"], runs["hub"]
    assert job.conclusion == "failure"
    failed = [step for step in job.steps if step.outcome == "failure"]
    assert [(step.name, step.status) for step in failed] == [("Publish with the token", 3)]
    assert outcomes(job)["Show what is published"] == "skipped"
    row = next(line for line in job.summary.splitlines() if line.startswith("| test faces, PSNR"))
    new, released, difference = (cell.strip() for cell in row.strip("|").split("|")[1:])
    assert float(released.split()[0]) == round(runs["released"], 3)
    assert float(new.split()[0]) == round(runs["released"] - 1, 3)
    assert difference == "-1.000 [-1.000, -1.000] worse"
    assert "**worse than** the released model" in job.summary
    assert {key: len(value.commits) for key, value in hub.repositories.items()} == runs["commits"]


@pytest.mark.slow
def test_no_step_shows_a_token(runs):
    for case in ("token", "trusted", "worse"):
        shown = runs[case].summary + "".join(step.output for step in runs[case].steps)
        assert runs["hf_token"] not in shown
        assert "hf_jwt_" not in shown
