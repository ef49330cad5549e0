"""The whole story on a local Hub: retrain as the workflow does, pull back in every way, serve."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from checkout import copy_checkout, link_environment
from empty_environment import EmptyEnvironment
from local_hub import LocalHub
from olivetti_denoiser import Denoiser
from page_server import PageServer
from static_space import link_packages
from workflow_steps import run_step

NAME = "alice/m"
TINY = {"epochs": 2, "steps_per_epoch": 4, "channels": [4, 8], "blocks": [1, 1], "batch_size": 4}


@pytest.fixture(scope="module")
def published(faces, tmp_path_factory):
    """A Hub with what the retraining of a tiny network has published, and its checkout."""
    folder = tmp_path_factory.mktemp("story")
    checkout = copy_checkout(folder / "checkout")
    link_environment(checkout / ".venv", Path(sys.prefix))
    link_packages(checkout / ".node")
    (checkout / "tiny.json").write_text(json.dumps(TINY))
    with LocalHub() as hub:
        token = hub.user("alice")
        variables = os.environ | hub.environment(token, folder / "home")
        variables["PYTHONPATH"] = str(checkout / "training")
        variables |= {"MODEL": "outputs/model", "REPOSITORY": NAME, "SPACE": NAME, "TAG": "v1.0.0"}
        variables |= {"PRESET": "default", "CONFIG": "tiny.json", "KERAS_BACKEND": "tensorflow"}
        files = {name: folder / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for name, path in files.items():
            path.touch()
            variables[name] = str(path)
        for name in (
            "Install", "look", "train", "Compare with the released model",
            "Build the page for a static Space", "Publish",
        ):  # fmt: skip
            done = run_step(name, checkout, variables)
            assert done.returncode == 0, done.stdout
            assert token not in done.stdout
        yield hub, checkout, {name: path.read_text() for name, path in files.items()}


def test_the_retraining_publishes_three_repositories_and_shows_its_figures(published):
    hub, checkout, said = published
    assert "publish=true" in said["GITHUB_OUTPUT"]
    summary = said["GITHUB_STEP_SUMMARY"]
    metrics = json.loads((checkout / "outputs/model/metrics.json").read_text())
    psnr = metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert re.search(rf"^\| Test faces, PSNR +\| +{psnr:.5g} ", summary, re.M)
    assert (checkout / "outputs/model.run/history.csv").is_file()
    commit = hub.repository(NAME).head
    assert hub.repository(NAME).tags == {"v1.0.0": commit.oid}
    for page in ("", "datasets/", "spaces/"):
        assert f" {hub.endpoint}/{page}{NAME}\n" in summary
    assert f"model {NAME}: {commit.oid[:7]}, checksums verified" in summary


def test_keras_tensorflow_and_datasets_pull_back_what_was_trained(published, test_faces, tmp_path):
    """Figshare's copy of the faces is out of their reach."""
    hub, checkout, _ = published
    trained = Denoiser.from_pretrained(checkout / "outputs" / "model")
    np.save(tmp_path / "restored.npy", trained(test_faces.noisy))
    np.save(tmp_path / "plain.npy", trained(test_faces.noisy[:1], mirror=False))
    variables = {"SCIKIT_LEARN_DATA": str(tmp_path / "empty"), "KERAS_BACKEND": "tensorflow"}
    said = subprocess.run(
        [sys.executable, checkout / "tests/helpers/pull_back.py", tmp_path],
        env=os.environ | hub.environment(None, tmp_path / "home") | variables,
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    differences = json.loads(said.splitlines()[-1])
    assert max(differences.values()) < 1e-5  # TensorFlow against ONNX Runtime


def test_the_space_serves_it_with_its_own_requirements_alone(published, tmp_path):
    from gradio_client import Client, handle_file

    hub, checkout, _ = published
    commit, published = hub.repository(NAME).head.oid, hub.repository(NAME, "spaces")
    variables = {key: variable["value"] for key, variable in published.variables.items()}
    assert variables == {"MODEL_ID": NAME, "MODEL_REVISION": commit}
    space = tmp_path / "space"
    for path, content in published.head.files.items():
        (space / path).parent.mkdir(parents=True, exist_ok=True)
        (space / path).write_bytes(content)
    (tmp_path / "bare").mkdir()
    bare = EmptyEnvironment(tmp_path / "bare")
    bare.install("-r", space / "requirements.txt")
    variables |= hub.environment(None, tmp_path / "hub")
    with PageServer(space, [bare.bin / "python", "app.py"], **variables) as page:
        client = Client(page.url, verbose=False)
        assert commit[:7] in json.dumps(client.config)
        face = next((space / "examples").glob("face_*.png"))
        answer = client.predict(handle_file(str(face)), 0.1, 0, api_name="/denoise")
    original, _, restored = (np.asarray(Image.open(path).convert("L")) for path in answer[:3])
    np.testing.assert_array_equal(original, np.asarray(Image.open(face)))
    here = Denoiser.from_pretrained(checkout / "outputs" / "model")(answer[1], network="gray")
    # The page restores the noisy picture before it is rounded to 8 bits.
    assert np.abs(np.asarray(here).astype(int) - restored).max() <= 1
