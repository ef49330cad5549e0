"""Publishing: whole repositories or none, one clear line for each fault, and no second commit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hub_scripts import UPLOAD_FAULTS
from local_hub import LocalHub

EVERYTHING = {"model": "alice/m", "dataset": "alice/d", "space": "alice/s", "tag": "v1.0.0"}
SCRIPT = "tests/helpers/hub_scripts.py"
GRAY = {
    "README.md",
    "best_model.h5",
    "comparison.png",
    "config.json",
    "error_map.png",
    "history.csv",
    "loss_curves.png",
    "metadata.json",
    "metrics.json",
    "model.weights.h5",
    "onnx/estimator.onnx",
    "onnx/restorer.onnx",
    "psnr_vs_sigma.png",
    "runs/train/events.out.tfevents.1",
    "training_config.json",
}
COLOUR = (GRAY - {"best_model.h5"}) | {"real_photographs.png"}
MODEL_FILES = {".gitattributes", *GRAY, *(f"colour/{name}" for name in COLOUR)}


def order(options, *, name=None, **folder):
    """Return one item of what `publish_orders` does."""
    return {"folder": folder, "options": options} | ({"name": name} if name else {})


def run_orders(hub, folder, token, *orders):
    """Publish in a fresh process, which must not print the token; return each report."""
    done = hub.run(
        SCRIPT,
        "publish_orders",
        str(folder),
        token=token,
        home=folder / "home",
        ORDERS=json.dumps(orders),
    )
    assert token not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def faults(small_checkout, tmp_path_factory):
    """Every fault of the table, one after the other, in one process."""
    with LocalHub(checkout=small_checkout) as hub:
        folder, token = tmp_path_factory.mktemp("faults"), hub.user("alice")
        done = hub.run(SCRIPT, "upload_faults", str(folder), token=token, home=folder / "home")
    assert token not in done.stdout + done.stderr
    return hub, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", UPLOAD_FAULTS)
def test_upload_fault(faults, case):
    """A fault ends in success or in one clear line, the repository whole either way."""
    hub, results = faults
    result, expected = results[case], UPLOAD_FAULTS[case][2]
    assert result["end"] == expected, result
    assert "\n" not in result["message"]
    assert set(result["files"]) in (
        [MODEL_FILES] if expected == "done" else [set(), {".gitattributes"}]
    )
    assert result.get("again", {"end": "done"})["end"] == "done"
    repository = hub.repository(f"alice/{case}")
    assert [commit.title for commit in repository.commits] == ["initial commit", "Publish v1.0.0"]
    assert repository.tags == {"v1.0.0": repository.head.oid}
    assert set(repository.head.files) == MODEL_FILES


@pytest.fixture(scope="module")
def release(faces, small_checkout, tmp_path_factory):
    """Model, dataset and Space published twice, each time by a fresh process."""
    folder = tmp_path_factory.mktemp("release")
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        (plan,) = run_orders(hub, folder, token, order(EVERYTHING | {"dry_run": True}))
        asked = list(hub.log)
        (first,) = run_orders(hub, folder, token, order(EVERYTHING))
        commits = {key: len(value.commits) for key, value in hub.repositories.items()}
        (second,) = run_orders(hub, folder, token, order(EVERYTHING))
        yield (
            hub,
            folder,
            token,
            {
                "plan": plan,
                "asked": asked,
                "first": first,
                "second": second,
                "commits": commits,
            },
        )


def test_dry_run_lists_every_file_and_touches_nothing(release):
    hub, _, _, seen = release
    assert seen["plan"]["end"] == "done" and seen["asked"] == []
    for kind, name in (("models", "alice/m"), ("datasets", "alice/d"), ("spaces", "alice/s")):
        listing = seen["plan"]["lines"][0].split(f" {name}: ")[1].split(" alice/")[0]
        for path, entry in hub.repository(name, kind).head.files.items():
            assert path == ".gitattributes" or path in listing
            if (kind, path) not in (("datasets", "README.md"), ("models", ".gitattributes")):
                assert path == ".gitattributes" or f"{entry.size:>10,}  {path}" in listing


def test_publishing_twice_makes_no_second_commit(release):
    hub, _, _, seen = release
    assert seen["first"]["end"] == seen["second"]["end"] == "done"
    assert {key: len(value.commits) for key, value in hub.repositories.items()} == seen["commits"]
    assert seen["second"]["commits"] == seen["first"]["commits"]
    assert set(seen["second"]["changed"].values()) == {False}
    assert set(seen["first"]["changed"].values()) == {True}


def test_one_commit_and_one_tag(release):
    hub, _, _, seen = release
    model, space = hub.repository("alice/m"), hub.repository("alice/s", "spaces")
    assert len(model.commits) == len(space.commits) == 2  # the Hub's own first one, and ours
    assert model.tags == {"v1.0.0": seen["first"]["commits"]["model"]}
    assert set(model.head.files) == MODEL_FILES


def test_space_serves_the_commit_just_published(release):
    hub, _, _, seen = release
    space = hub.repository("alice/s", "spaces")
    values = {key: variable["value"] for key, variable in space.variables.items()}
    assert values == {"MODEL_ID": "alice/m", "MODEL_REVISION": seen["first"]["commits"]["model"]}
    paths = set(space.head.files)
    assert {
        "app.py",
        "requirements.txt",
        "olivetti_denoiser/denoiser.py",
        "page/serving.py",
    } <= paths
    bundled = {path.removeprefix("model_card/") for path in paths if path.startswith("model_card/")}
    assert bundled == {path for path in MODEL_FILES if path.endswith((".json", ".onnx", ".png"))}
    assert sum(path.startswith("examples/face_") for path in paths) == 4


def test_space_card_names_what_it_shows(release):
    hub, *_ = release
    card = hub.read("alice/s", "README.md", "spaces").decode()
    assert "models:\n- alice/m\n" in card and "datasets:\n- alice/d\n" in card


def test_space_versions_agree(tmp_path):
    """The card's sdk_version is the gradio that the requirements pin, or it is not published."""
    from olivetti_denoiser.bundled import bundled
    from olivetti_denoiser.publish.space_files import check_space_versions

    version = check_space_versions(bundled("space"))
    assert f"sdk_version: {version}\n" in (bundled("space") / "README.md").read_text()
    (tmp_path / "README.md").write_text("---\nsdk: gradio\nsdk_version: 6.0.0\n---\n")
    (tmp_path / "requirements.txt").write_text(f"gradio[mcp]=={version}\n")
    with pytest.raises(ValueError, match=rf"sdk_version=6\.0\.0, gradio=={version}"):
        check_space_versions(tmp_path)


def test_addresses_are_shown_last(release):
    hub, _, _, seen = release
    shown = [line.split()[-1] for line in seen["first"]["lines"][-3:]]
    pages = ("/datasets/alice/d", "/alice/m", "/spaces/alice/s")
    assert shown == [hub.endpoint + page for page in pages]


def test_published_dataset_is_the_split(release):
    """Its parquet files hold the split byte for byte, credit and warnings on the card."""
    from datasets import Dataset
    from huggingface_hub import DatasetCard

    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM, split_checksum

    hub, folder, *_ = release
    split = {}
    for name in ("train", "test"):
        path = folder / f"{name}.parquet"
        path.write_bytes(hub.read("alice/d", f"data/{name}-00000-of-00001.parquet", "datasets"))
        split[name] = Dataset.from_parquet(str(path), cache_dir=str(folder / "cache"))
    assert split_checksum(split) == SPLIT_CHECKSUM
    card = DatasetCard(hub.read("alice/d", "README.md", "datasets").decode())
    counts = {part["name"]: part["num_examples"] for part in card.data.dataset_info["splits"]}
    assert counts == {"train": 80, "test": 20}
    assert card.text.count("AT&T Laboratories Cambridge") >= 2
    assert "identifiable people" in card.text and "share people" in card.text


def test_cards_are_valid_and_say_what_the_metrics_say(release):
    """Figures in the prose and in model-index are those of metrics.json; pictures exist."""
    import re

    from huggingface_hub import ModelCard

    hub, *_ = release
    card = ModelCard(hub.read("alice/m", "README.md").decode())
    metrics = json.loads(hub.read("alice/m", "metrics.json"))
    model = metrics["parts"]["test"]["methods"]["model"]
    figures = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert figures == {
        "psnr": round(model["psnr"]["mean"], 2),
        "ssim": round(model["ssim"]["mean"], 3),
        "mse": round(model["mse"]["mean"], 6),
    }
    assert f"{model['psnr']['mean']:.2f} dB" in card.text
    assert f"MSE {model['mse']['mean']:.6f}" in card.text
    assert "alice/m" in card.text and "OWNER/" not in card.text
    assert card.data.datasets == ["alice/d"]
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", card.text)
    assert pictures and set(pictures) <= set(hub.repository("alice/m").head.files)
    assert hub.count("validate-yaml") >= 3 and hub.count("validate-yaml", 400) == 0


def test_gate_and_arguments(release):
    """A worse model, one of another split, wrong arguments and a leaked token are refused."""
    from olivetti_denoiser.data.faces import SUBJECTS_CHECKSUM

    hub, folder, token, seen = release
    to = {"model": "alice/m", "tag": "v1.0.1"}
    worse, public, taken, named, leaked, other, misled, shown = run_orders(
        hub,
        folder,
        token,
        order(to, psnr=29.0),
        order(to | {"private": True}),
        order(to | {"tag": "v1.0.0"}, psnr=29.9),
        order({"model": "m", "tag": "v1"}),
        order({"model": "alice/leaky"}, name=leaky_folder(folder, token).name),
        order(to, psnr=30.9, checksum=SUBJECTS_CHECKSUM),
        order({"model": "alice/n", "dataset": "alice/d"}, psnr=30.9, checksum=SUBJECTS_CHECKSUM),
        order(
            {"model": "alice/n", "space": "alice/s", "dry_run": True},
            psnr=30.9,
            checksum=SUBJECTS_CHECKSUM,
        ),
    )
    assert worse["end"] == "RefusedError"
    assert "29.000" in worse["message"] and "29.500" in worse["message"]
    assert public["end"] == "ValueError" and "is public" in public["message"]
    assert taken["end"] == "ValueError" and "--tag v1.0.0" in taken["message"]
    assert named["end"] == "ValueError" and "OWNER/NAME" in named["message"]
    assert leaked["end"] == "ValueError" and "history.csv" in leaked["message"]
    assert other["end"] == "RefusedError" and "but on other pictures" in other["message"]
    assert "30.900 dB, published 29.500 dB" in other["message"]
    assert misled["end"] == "ValueError" and "leave --dataset out" in misled["message"]
    assert misled["message"].endswith("Received: a model of the subjects split")
    assert "examples/face_108.png" in shown["lines"][0]  # of somebody it has not learned from
    assert hub.repository("alice/m").head.oid == seen["first"]["commits"]["model"]
    assert ("models", "alice/leaky") not in hub.repositories

    (allowed,) = run_orders(hub, folder, token, order(to | {"allow_regression": True}, psnr=29.0))
    assert allowed["end"] == "done" and allowed["psnr"] == {"gray": [29.0, 29.5]}
    assert hub.repository("alice/m").tags["v1.0.1"] == allowed["commits"]["model"]


def test_stopped_half_way(faces, small_checkout, tmp_path):
    """The dataset's commits are retried; the Space's refusal says what stands."""
    everything = {"model": "alice/m", "dataset": "alice/d", "space": "alice/s"}
    with LocalHub(checkout=small_checkout) as hub:
        hub.fault("commit", status=503, headers={"Retry-After": "0"}, only="/datasets/")
        hub.fault("commit", status=412, only="/datasets/", after=1)  # of the data, not of the card
        hub.fault("commit", status=403, only="/spaces/")
        token = hub.user("alice")
        (result,) = run_orders(hub, tmp_path, token, order(everything))
        assert hub.count("commit", 503) == hub.count("commit", 412) == hub.count("commit", 403) == 1
        model, data = hub.repository("alice/m"), hub.repository("alice/d", "datasets")
        space = hub.repository("alice/s", "spaces")
    assert result["end"] == "PublishError" and "\n" not in result["message"]
    assert f"model alice/m stands at {model.head.oid}" in result["message"]
    assert f"dataset alice/d stands at {data.head.oid}" in result["message"]
    assert "not published: space" in result["message"]
    assert set(model.head.files) == MODEL_FILES and set(space.head.files) == {".gitattributes"}
    assert [commit.title for commit in data.commits[1:]] == [
        "Publish the card",
        "Publish the reference split",
    ]


def leaky_folder(folder, token):
    """Return a copy of the model folder in whose history a token has slipped."""
    leaky = shutil.copytree(folder / "model", folder / "leaky")
    (leaky / "history.csv").write_text(f"epoch,loss\n0,{token}\n")
    return leaky


def test_no_token_is_published(release):
    """`run_orders` looks through what is printed, this through all that was uploaded."""
    hub, _, token, _ = release
    assert len(hub.blobs) > 50
    assert not any(token.encode() in content for content in hub.blobs.values())


def start_publish(hub, folder, token, options, **made):
    """Start a publication and return the process."""
    variables = hub.environment(token, folder / "home")
    return subprocess.Popen(
        [sys.executable, SCRIPT, "publish_orders", str(folder)],
        cwd=hub.checkout,
        env={**os.environ, **variables, "ORDERS": json.dumps([order(options, **made)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_killed_between_model_and_space(faces, small_checkout, tmp_path):
    """Killed before the Space's commit, the same command goes on: one tag, one commit each."""
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        hub.fault("commit", action="stall", only="/spaces/")
        process = start_publish(hub, tmp_path, token, EVERYTHING)
        wait_for(lambda: hub.count("commit", 0) == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        hub.clear_faults()
        model, space = hub.repository("alice/m"), hub.repository("alice/s", "spaces")
        published = model.head.oid
        assert len(model.commits) == 2 and len(space.commits) == 1

        (again,) = run_orders(hub, tmp_path, token, order(EVERYTHING))
        assert again["end"] == "done"
        assert again["changed"] == {"dataset": False, "model": False, "space": True}
        assert model.head.oid == published and model.tags == {"v1.0.0": published}
        assert len(model.commits) == len(space.commits) == 2
        assert space.variables["MODEL_REVISION"]["value"] == published


def test_trusted_publisher(faces, small_checkout, tmp_path):
    """Without any stored token, the same command once for each repository publishes both."""
    both = {"model": "alice/m", "space": "alice/s", "tag": "v1.0.0"}
    with LocalHub(checkout=small_checkout) as hub:
        home = tmp_path / "home"
        hub.run(SCRIPT, "create_empty", str(tmp_path), token=hub.user("alice"), home=home)
        hub.trusted["identity"] = "alice"
        for resource in ("alice/m", "spaces/alice/s"):
            done = hub.run(
                SCRIPT,
                "publish_orders",
                str(tmp_path),
                token=None,
                home=home,
                HF_OIDC_RESOURCE=resource,
                HF_OIDC_ID_TOKEN="identity",  # noqa: S106
                ORDERS=json.dumps([order(both)]),
            )
            (result,) = json.loads(done.stdout.splitlines()[-1])
            assert result["end"] == "done", result
            assert "hf_jwt_" not in done.stdout + done.stderr
        model, space = hub.repository("alice/m"), hub.repository("alice/s", "spaces")
        assert len(model.commits) == len(space.commits) == 2
        assert model.tags == {"v1.0.0": model.head.oid}
        assert space.variables["MODEL_REVISION"]["value"] == model.head.oid


@pytest.mark.parametrize(("late", "end"), [(29.0, "RefusedError"), (29.9, "done")])
def test_two_publishers_at_once(small_checkout, tmp_path, late, end):
    """The second commit looks again: a worse model is refused, a better one wins."""
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        hub.fault("commit", action="stall")
        slow = start_publish(hub, tmp_path, token, {"model": "alice/m"}, psnr=late)
        wait_for(lambda: hub.count("commit", 0) == 1)
        (quick,) = run_orders(hub, tmp_path, token, order({"model": "alice/m"}, psnr=29.5))
        assert quick["end"] == "done"
        hub.clear_faults()
        out, _ = slow.communicate(timeout=120)
        (result,) = json.loads(out.splitlines()[-1])
        repository = hub.repository("alice/m")
    assert result["end"] == end, result
    assert len(repository.commits) == (2 if end == "RefusedError" else 3)
    assert set(repository.head.files) == MODEL_FILES
    best = json.loads(hub.read("alice/m", "metrics.json"))["parts"]["test"]["methods"]["model"][
        "psnr"
    ]
    assert best["mean"] == max(late, 29.5)
