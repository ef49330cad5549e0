"""The whole story on a local Hub: train, publish, pull back in every way, and serve the demo."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from local_hub import LocalHub

SCRIPT = "tests/helpers/hub_scripts.py"
TRAIN = shlex.split("--epochs 2 --steps-per-epoch 4 --batch-size 4 --channels 4,8 --blocks 1,1")
PUBLISH = shlex.split("--model alice/m --dataset alice/d --space alice/s --tag v1.0.0")


def bare_environment(folder, requirements):
    """Return the Python of a new virtual environment that holds the requirements alone."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    uv = shutil.which("uv")
    if uv:
        commands = [
            [uv, "venv", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--python", str(python), "-r", str(requirements)],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "-r", str(requirements)],
        ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            pytest.skip(f"no environment for the Space could be made: {done.stderr[-300:]}")
    return python


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_train_publish_pull_back_and_serve(faces, tmp_path):
    with LocalHub() as hub:
        token, home = hub.user("alice"), tmp_path / "home"

        def run(*arguments, **variables):
            done = hub.run(*arguments, token=token, home=home, **variables)
            assert token not in done.stdout + done.stderr
            return done.stdout

        # Train two epochs and publish all three, as an owner does.
        model = tmp_path / "model"
        train = ["-m", "olivetti_denoiser", "train", "--output", str(model), *TRAIN]
        run(*train, KERAS_BACKEND="tensorflow")
        shown = run("-m", "olivetti_denoiser", "publish", str(model), *PUBLISH)
        commit = hub.repository("alice/m").head.oid
        assert hub.repository("alice/m").tags == {"v1.0.0": commit}
        assert f"{hub.endpoint}/spaces/alice/s" in shown.splitlines()[-1]

        # Pull it back as developers do; figshare's copy of the faces is out of reach.
        nowhere = {"SCIKIT_LEARN_DATA": str(tmp_path / "empty")}
        pulled = json.loads(run(SCRIPT, "pull_back", str(tmp_path), **nowhere).splitlines()[-1])
        assert pulled["gap"] == 0.0 < pulled["change"]
        backend = nowhere | {"KERAS_BACKEND": "tensorflow"}
        plain = run(SCRIPT, "pull_back_with_keras", str(tmp_path), **backend).splitlines()[-1]
        plain = json.loads(plain)
        assert plain["hf"] < 1e-5 and plain["h5"] < 1e-5  # TensorFlow against ONNX Runtime
        assert plain["h5 shape"] == [1, 64, 64, 1]
        from olivetti_denoiser.data.faces import SPLIT_CHECKSUM

        assert plain["checksum"] == SPLIT_CHECKSUM
        assert plain["cards"] == ["m", "other"]

        # Run the Space, downloaded into an empty folder, with its own requirements alone.
        variables = json.loads(run(SCRIPT, "fetch_space", str(tmp_path)).splitlines()[-1])
        assert variables == {"MODEL_ID": "alice/m", "MODEL_REVISION": commit}
        space = tmp_path / "space"
        python = bare_environment(tmp_path / "bare", space / "requirements.txt")
        serve(hub, python, space, tmp_path, variables, commit)


def serve(hub, python, space, folder, variables, commit):
    """Start the page, ask it to denoise a face, and compare with the model folder."""
    from gradio_client import Client, handle_file
    from PIL import Image

    port = free_port()
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("KERAS_BACKEND", "PYTHONPATH", "VIRTUAL_ENV")
    }
    environment |= hub.environment(None, folder / "space-home") | variables
    environment |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    del environment["PYTHONPATH"]
    log = (folder / "space.log").open("w+")
    page = subprocess.Popen(
        [str(python), "app.py"], cwd=space, env=environment, stdout=log, stderr=log
    )
    try:
        end = time.monotonic() + 120
        while True:
            assert page.poll() is None and time.monotonic() < end, (
                folder / "space.log"
            ).read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        assert f"alice/m at {commit[:7]}," in (folder / "space.log").read_text()
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        assert commit[:7] in json.dumps(client.config)
        face = next((space / "examples").glob("face_*.png"))
        answer = client.predict(handle_file(str(face)), 0.1, 0, api_name="/denoise")
        paths = [item["path"] if isinstance(item, dict) else item for item in answer[:3]]
        original, noisy, restored = (np.asarray(Image.open(path).convert("L")) for path in paths)
        np.testing.assert_array_equal(original, np.asarray(Image.open(face)))
        assert restored.shape == noisy.shape == (64, 64)
        shutil.copy(paths[1], folder / "noisy.png")
        hub.run(SCRIPT, "restore", str(folder), token=None, home=folder / "home")
        # The page restores the noisy picture before it is rounded to 8 bits.
        assert np.abs(np.load(folder / "here.npy").astype(int) - restored).max() <= 1
    finally:
        page.terminate()
        page.wait(20)
        log.close()
