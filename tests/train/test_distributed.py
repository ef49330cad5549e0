"""Several processes and devices: the same training as on one, refusals, and lost processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys

import keras
import pytest

from checkout import ROOT
from olivetti_denoiser.cli.main import main
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.errors import DisconnectedError, TrainingStoppedError
from olivetti_denoiser.train import distributed, fit
from olivetti_denoiser.train.distributed import KERAS_VARIABLES, Processes, data_parallel


def test_another_backend_is_refused(tmp_path, capsys):
    assert main(["train", "--distributed", "--output", str(tmp_path / "model")]) == 2
    expected = f"--distributed needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("count", ["", "two"])
def test_where_the_other_processes_are_has_to_be_said(monkeypatch, count):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    for name, value in zip(KERAS_VARIABLES, ("127.0.0.1:9000", count, "0"), strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"--distributed needs srun, mpirun.* Received: "):
        distributed.initialize()


def test_a_batch_that_is_not_shared_evenly_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr("jax.device_count", lambda: 4)
    with pytest.raises(ValueError, match=r"4 devices.* 8 would do.*batch_size=6"):
        data_parallel(6)


def test_a_failed_exchange_is_told_from_a_stopped_training(monkeypatch):
    at_exit = []
    monkeypatch.setattr(distributed.atexit, "register", at_exit.append)
    with pytest.raises(TrainingStoppedError), Processes(count=2).scope():
        raise TrainingStoppedError("the loss is no longer a number")
    with pytest.raises(ValueError, match="Received"), Processes().scope():
        raise ValueError("Received: 5")
    assert not at_exit
    with (
        pytest.raises(DisconnectedError, match=r"broke off \(UNKNOWN: Gloo"),
        Processes(count=2).scope(),
    ):
        raise ValueError("UNKNOWN: Gloo AllGather failed")
    assert len(at_exit) == 1


def test_with_mixed_precision_weights_and_pictures_are_float32(monkeypatch):
    monkeypatch.setattr(fit, "has_bfloat16", lambda: True)
    trained = fit.compiled(TrainingConfig(channels=(8,), blocks=(1,)))
    assert trained.get_layer("restorer").get_layer("stem").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in trained.weights} == {"float32"}
    assert {output.dtype for output in trained.outputs} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


# A training on two devices of one process, or in each of two processes. In its first sitting the
# second process kills itself. The weights are compared with those of a training on one device.
IN_EACH_PROCESS = """
import os, signal, sys
from pathlib import Path
import keras, numpy as np
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.train.checkpoint import RunState
from olivetti_denoiser.train.distributed import Processes, data_parallel, initialize
from olivetti_denoiser.train.fit import fit

folder, kind = Path(sys.argv[1]), sys.argv[2]
clean = np.random.default_rng(0).random((8, 32, 32, 1), dtype=np.float32)
config = TrainingConfig(
    epochs=2, steps_per_epoch=2, channels=(4,), blocks=(1,), batch_size=4, validation_faces=2,
    optimizer="adamw",
)
if kind != "devices":
    initialize()
processes = data_parallel(config.batch_size)
count = (len(keras.distribution.list_devices()), processes.count)
assert count == ((2, 1) if kind == "devices" else (2, 2)), count

def refusal(call, *arguments):
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)

def refuse():
    raise ValueError(f"refused by {processes.index}")

assert processes.broadcast(f"from {processes.index}".encode()) == b"from 0"
assert refusal(processes.first_does, refuse) == "refused by 0"
assert refusal(processes.check_same, "settings", b"alike") is None
if processes.count > 1:
    assert "process 1" in refusal(processes.check_same, "settings", b"%d" % processes.index)

def killed(self, epoch, logs=None, end=RunState.on_epoch_end):
    end(self, epoch, logs)
    if processes.index == 1:
        os.kill(os.getpid(), signal.SIGKILL)

if kind == "killed":
    RunState.on_epoch_end = killed
together = fit(config, clean[:6], clean[6:], folder / f"{processes.count}", processes=processes)
if processes.is_first:
    alone = fit(config, clean[:6], clean[6:], folder / "alone", processes=Processes())
    one, other = (np.load(folder / run / "state.npz") for run in ("alone", f"{processes.count}"))
    for name in set(one.files) - {"notes"}:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert abs(together.history[-1]["val_psnr"] - alone.history[-1]["val_psnr"]) < 0.01
"""


def environment(**variables):
    """The environment of a process that trains on JAX."""
    path = str(ROOT / "training")
    return os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": path} | variables


def start(folder, kind, *launcher, **variables):
    """Start the script."""
    return subprocess.Popen(
        [*launcher, sys.executable, "-c", IN_EACH_PROCESS, str(folder), kind],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def keras_variables(count):
    """The Keras variables of each of several processes on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    for index in range(count):
        yield dict(zip(KERAS_VARIABLES, (address, str(count), str(index)), strict=True))


def end(process):
    """Wait for a training that has to end well; return its standard output."""
    out, error = process.communicate(timeout=400)
    assert process.returncode == 0, error[-3000:]
    return out


def test_two_devices_train_what_one_trains(tmp_path):
    end(start(tmp_path, "devices", XLA_FLAGS="--xla_force_host_platform_device_count=2"))


def test_a_killed_process_ends_the_run_and_two_processes_end_it_as_one_does(tmp_path):
    if shutil.which("mpirun") is None:
        pytest.skip("mpirun is missing: install openmpi-bin")
    first, second = (start(tmp_path, "killed", **names) for names in keras_variables(2))
    error = first.communicate(timeout=300)[1]
    assert second.wait(timeout=10) == -signal.SIGKILL
    assert first.returncode == 3, error[-3000:]  # at once, not when the heartbeat times out
    assert "DisconnectedError: training with the other processes broke off" in error

    command = ["mpirun", "-n", "2", "--bind-to", "none", "--oversubscribe"]
    command += ["--allow-run-as-root"] * (os.geteuid() == 0)
    assert "Resuming after epoch 1" in end(start(tmp_path, "resumed", *command))
