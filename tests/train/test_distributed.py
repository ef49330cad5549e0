"""Several processes and devices: the same training as on one, refusals, and lost processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from olivetti_denoiser.errors import DisconnectedError
from olivetti_denoiser.train import distributed, precision
from olivetti_denoiser.train.distributed import KERAS_VARIABLES, Processes, check_batch_size

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "--steps-per-epoch=4", "--channels=8,16", "--blocks=1,1", "--validation-faces=4",
    "--epochs=3", "--batch-size=4", "--patience=100",
]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "devices", "named"),
    [(6, 4, "4; 4 or 8 would do"), (3, 8, "8; 8 would do"), (8, 4, None)],
)
def test_a_batch_that_is_not_shared_evenly_is_refused(size, devices, named):
    if named is None:
        return check_batch_size(size, devices)
    with pytest.raises(ValueError, match=f"{named}. Received: batch_size={size}"):
        check_batch_size(size, devices)


def test_another_backend_is_refused():
    import keras

    expected = f"--distributed needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}"
    with pytest.raises(ValueError, match=expected):
        distributed.initialize()


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (None, {}),
        (
            ("10.0.0.1:9000,10.0.0.2:9000", "2", "1"),
            {"coordinator_address": "10.0.0.1:9000", "num_processes": 2, "process_id": 1},
        ),
        (("10.0.0.1:9000", None, "1"), "belong together. Received: only KERAS_DISTRIBUTION_JOB"),
        (("10.0.0.1:9000", "two", "1"), "are whole numbers. Received: two and 1"),
    ],
)
def test_keras_variables_say_where_the_processes_are(monkeypatch, values, place):
    for name, value in zip(KERAS_VARIABLES, values or (None,) * 3, strict=True):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    if isinstance(place, dict):
        assert distributed._place_from_keras_variables() == place
    else:
        with pytest.raises(ValueError, match=place):
            distributed._place_from_keras_variables()


def test_the_parts_of_all_processes_are_the_batch():
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.train.batches import NoisyFaces

    clean = np.random.default_rng(0).random((12, 16, 16, 1), dtype=np.float32)
    batches = NoisyFaces(clean, TrainingConfig(batch_size=6, steps_per_epoch=3))
    parts = [Processes(index=index, count=3).local_batches(batches) for index in range(3)]
    assert [len(part) for part in parts] == 3 * [len(batches)]
    for wholes, *rows in zip(batches[2], *(part[2] for part in parts), strict=True):
        for name, whole in wholes.items():
            np.testing.assert_array_equal(whole, np.concatenate([row[name] for row in rows]))
    assert Processes().local_batches(batches) is batches


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ("UNKNOWN: Gloo AllGather failed: Connection closed by peer", True),
        ("--batch-size must be a multiple of the devices. Received: 5", False),
    ],
)
def test_a_failed_exchange_is_told_from_a_wrong_argument(monkeypatch, message, lost):
    at_exit = []
    monkeypatch.setattr(distributed.atexit, "register", at_exit.append)
    processes = Processes(SimpleNamespace(scope=contextlib.nullcontext), count=2)
    expected = DisconnectedError if lost else ValueError
    with pytest.raises(expected, match=re.escape(message)) as caught, processes.scope():
        raise ValueError(message)
    assert type(caught.value) is expected
    assert len(at_exit) == lost


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A machine whose devices compute in bfloat16; this one's does so slowly."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)


def test_with_mixed_precision_weights_and_pictures_are_float32(with_bfloat16):
    import keras

    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.network.unet import residual_unet
    from olivetti_denoiser.train.fit import compiled

    trained = compiled(TrainingConfig(channels=(8, 16), blocks=(1, 1)))
    restorer = trained.get_layer("restorer")
    assert restorer.get_layer("stem").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in trained.weights} == {"float32"}
    assert {output.dtype for output in trained.outputs} == {"float32"}
    after = residual_unet(channels=(8, 16), blocks=(1, 1))
    assert "bfloat16" not in after.to_json()
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_a_network_trained_with_mixed_precision_is_saved_in_float32(with_bfloat16, tmp_path):
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.data.faces import Faces
    from olivetti_denoiser.train.fit import fit

    clean = np.random.default_rng(0).random((12, 32, 32, 1), dtype=np.float32)
    faces = Faces(clean, clean, np.arange(12), np.arange(12))
    config = TrainingConfig(channels=(8, 16), blocks=(1, 1), epochs=2, steps_per_epoch=4)
    mixed = fit(config, faces, tmp_path / "mixed")
    assert "bfloat16" not in mixed.model.to_json()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "has_bfloat16", lambda: False)
        plain = fit(config, faces, tmp_path / "plain")
    losses = [run.history[-1]["restored_loss"] for run in (mixed, plain)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def environment(**variables):
    """The environment of a command that trains on JAX."""
    path = str(ROOT / "training")
    return os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": path} | variables


def keras_variables(count):
    """The Keras variables of each of several processes on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    for index in range(count):
        yield dict(zip(KERAS_VARIABLES, (address, str(count), str(index)), strict=True))


def test_without_other_processes_the_command_line_says_what_would_work(tmp_path):
    command = [sys.executable, "-m", "olivetti_denoiser", "train", "--distributed"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "model")],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "denoiser: --distributed needs srun, mpirun, Kubernetes or the variables"
    )
    assert not list(tmp_path.iterdir())


IN_EACH_PROCESS = """
import json
from olivetti_denoiser.train.distributed import data_parallel, initialize

initialize()
processes = data_parallel(2)
index = processes.index

def caught(call):
    try:
        call()
    except ValueError as error:
        return str(error)

def refuse():
    raise ValueError(f"refused by {index}")

print(json.dumps({
    "broadcast": processes.broadcast(f"from {index}".encode()).decode(),
    "refused": caught(lambda: processes.first_does(refuse)),
    "alike": caught(lambda: processes.check_same("settings", b"alike")),
    "unlike": caught(lambda: processes.check_same("settings", str(index).encode())),
}))
processes.shutdown()
"""


def both(script):
    """Starts a script in two processes, which Keras's variables bring together."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for variables in keras_variables(2)
    ]


@pytest.mark.slow
def test_processes_agree_on_what_they_do():
    processes = both(IN_EACH_PROCESS)
    shown = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], shown
    for out, _ in shown:
        assert json.loads(out.splitlines()[-1]) == {
            "broadcast": "from 0",
            "refused": "refused by 0",
            "alike": None,
            "unlike": "all processes need the same settings. Received: other ones in process 1",
        }


FOR_EVER = """
import sys, time
from olivetti_denoiser.errors import DisconnectedError
from olivetti_denoiser.train.distributed import data_parallel, initialize

initialize()
processes = data_parallel(2)
processes.broadcast(b"a first exchange")
print("exchanged", flush=True)
try:
    while True:
        processes.broadcast(b"another exchange")
except DisconnectedError as error:
    sys.exit(str(error))
"""


@pytest.mark.slow
def test_the_first_process_ends_with_code_3_where_another_one_is_terminated():
    """At once, not when the heartbeat times out."""
    first, second = both(FOR_EVER)
    assert "exchanged\n" in second.stdout  # gloo prints a line before
    second.terminate()
    terminated = time.monotonic()
    error = first.communicate(timeout=120)[1]
    assert time.monotonic() - terminated < 30
    second.communicate(timeout=10)
    assert second.returncode == -signal.SIGTERM
    assert first.returncode == 3, error
    assert re.search(r"^the other processes are lost \(.*\); the same command goes on", error, re.M)


# Measuring the classical methods takes longer than such a training.
TRAIN = """
import sys
from olivetti_denoiser.evaluate import measure
measure.BASELINES = {}
from olivetti_denoiser.cli.main import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def mpirun():
    """Returns a function that starts `denoiser train` in two processes under Open MPI."""
    if shutil.which("mpirun") is None:
        pytest.skip("mpirun is missing: install openmpi-bin")

    def start(output):
        command = ["mpirun", "-n", "2", "--bind-to", "none", "--oversubscribe"]
        if os.geteuid() == 0:
            command.append("--allow-run-as-root")
        return train(output, *command, options=["--distributed"])

    return start


def train(output, *launcher, options=(), **variables):
    """Starts a small training, to write to a model folder."""
    command = [sys.executable, "-c", TRAIN, "train", "--output", str(output)]
    return subprocess.Popen(
        [*launcher, *command, *SMALL, *options],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    """Waits for a training that has to end well and returns its standard output."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    return out


def outcome(output):
    """Returns the run's final training weights and the model's figure."""
    with np.load(f"{output}.run/state.npz") as state:
        arrays = {name: state[name] for name in state.files if name != "notes"}
    metrics = json.loads((output / "metrics.json").read_text())
    return arrays, metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]


def assert_alike(one, other):
    for name, array in one[0].items():
        np.testing.assert_allclose(other[0][name], array, rtol=1e-4, atol=1e-5, err_msg=name)
    assert other[1] == pytest.approx(one[1], abs=0.01)


@pytest.fixture(scope="module")
def two_processes(faces, mpirun, tmp_path_factory):
    """The outcome of two processes, and what they printed."""
    output = tmp_path_factory.mktemp("mpirun") / "model"
    shown = end(mpirun(output))
    return outcome(output), shown


@pytest.mark.slow
def test_two_processes_train_what_one_trains_and_so_do_two_devices(two_processes, tmp_path):
    end(train(tmp_path / "one"))
    alone = outcome(tmp_path / "one")
    found, shown = two_processes
    assert_alike(alone, found)
    assert shown.count("Epoch 3/3") == 1  # the second process only computes

    end(train(tmp_path / "devices", XLA_FLAGS="--xla_force_host_platform_device_count=2"))
    assert_alike(alone, outcome(tmp_path / "devices"))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_run_and_the_same_command_goes_on(
    two_processes, mpirun, tmp_path, victim
):
    output = tmp_path / "model"
    launcher = mpirun(output)
    while not Path(f"{output}.run/state.npz").is_file():
        assert launcher.poll() is None, launcher.communicate()
        time.sleep(0.02)
    os.kill(processes_of(launcher)[victim], signal.SIGKILL)
    launcher.communicate(timeout=120)
    assert launcher.returncode != 0
    shown = end(mpirun(output))
    assert "Resuming after epoch" in shown
    for name, array in two_processes[0][0].items():
        np.testing.assert_array_equal(outcome(output)[0][name], array, err_msg=name)


def processes_of(launcher):
    """The ids of the processes that mpirun started, in their order."""
    found = subprocess.run(
        ["pgrep", "--parent", str(launcher.pid)], capture_output=True, text=True, check=True
    )
    return sorted(int(pid) for pid in found.stdout.split())
