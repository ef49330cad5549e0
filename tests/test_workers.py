"""Several workers: the same training as one, and one line where one of them is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from olivetti_denoiser.errors import WorkerLostError
from olivetti_denoiser.train import workers as module
from olivetti_denoiser.train.workers import Workers, check_batch_size

ROOT = Path(__file__).resolve().parents[1]
SMALL = [
    "--steps-per-epoch=4", "--channels=8,16", "--blocks=1,1", "--validation-faces=4",
    "--epochs=3", "--batch-size=4", "--patience=100",
]  # fmt: skip
GOES_ON = "; the same command on every worker goes on after the last epoch"
# A trainer in miniature: it gives its signs of life, works as told, and ends.
TRAINER = """
import os, signal, time
from olivetti_denoiser.train import trainer
from olivetti_denoiser.train.trainer import PULSE
trainer.BEAT = 0.1
PULSE.send_to(int(os.environ["DENOISER_TRAINER"].split(",")[0]))
"""
AT_WORK = "time.sleep(60)"


def free_addresses(count):
    """Returns addresses of this machine at which nobody listens."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes)


@pytest.mark.parametrize(
    ("text", "index", "named"),
    [
        ("a:1", 0, "two or more different addresses. Received: 'a:1'"),
        ("a:1,a:1", 0, "two or more different addresses"),
        ("a:1,b", 0, "HOST:PORT, such as 10.0.0.1:9000. Received: 'b'"),
        ("a:1,b:99999", 0, "Received: 'b:99999'"),
        ("a:1,b:2", 2, "from 0 to 1. Received: 2"),
        ("a:1,b:2", None, "from 0 to 1. Received: None"),
    ],
)
def test_impossible_workers_are_refused(text, index, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        Workers.parse(text, index)


@pytest.mark.parametrize(
    ("size", "parts", "named"),
    [(6, 4, "4 workers; 4 or 8 would do"), (3, 8, "8 workers; 8 would do"), (8, 4, None)],
)
def test_a_batch_that_is_not_shared_evenly_is_refused(size, parts, named):
    if named is None:
        return check_batch_size(size, parts, "workers")
    with pytest.raises(ValueError, match=f"{named}. Received: batch_size={size}"):
        check_batch_size(size, parts, "workers")


def test_the_command_line_refuses_before_anything_starts():
    command = [sys.executable, "-m", "olivetti_denoiser", "train", "--workers", "a:1,b:2"]
    for more, named in (
        (["--worker-index", "0", "--batch-size", "5"], "4 or 6 would do. Received: batch_size=5"),
        ([], "--worker-index must be"),
        (["--worker-index", "0", "--worker-timeout", "300"], "from 5 to 90 would do"),
    ):
        done = subprocess.run(
            [*command, *more],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"KERAS_BACKEND": "jax"},
        )
        assert done.returncode == 2
        assert named in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_parts_of_all_workers_are_the_batch():
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.train.batches import NoisyFaces
    from olivetti_denoiser.train.team import Team

    clean = np.random.default_rng(0).random((12, 16, 16, 1), dtype=np.float32)
    batches = NoisyFaces(clean, TrainingConfig(batch_size=6, steps_per_epoch=3))
    shares = [Team(index=index, size=3).share(batches) for index in range(3)]
    assert [len(share) for share in shares] == 3 * [len(batches)]
    for wholes, *parts in zip(batches[2], *(share[2] for share in shares), strict=True):
        for name, whole in wholes.items():
            np.testing.assert_array_equal(whole, np.concatenate([part[name] for part in parts]))
    assert Team().share(batches) is batches


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ("UNKNOWN: Gloo AllGather failed: Connection closed by peer", True),
        ("--batch-size must be a multiple of the workers. Received: 5", False),
    ],
)
def test_a_broken_exchange_is_told_from_a_wrong_argument(message, lost):
    from olivetti_denoiser.errors import DisconnectedError
    from olivetti_denoiser.train.team import Team

    team = Team(SimpleNamespace(scope=contextlib.nullcontext), size=2)
    expected = DisconnectedError if lost else ValueError
    with pytest.raises(expected, match=re.escape(message)) as caught, team.scope():
        raise ValueError(message)
    assert type(caught.value) is expected


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A machine whose devices compute in bfloat16; this one's does so slowly."""
    from olivetti_denoiser.train import team

    monkeypatch.setattr(team, "has_bfloat16", lambda: True)


def test_with_mixed_precision_weights_and_pictures_are_float32(with_bfloat16):
    import keras

    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.model import residual_unet
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
        patch.setattr("olivetti_denoiser.train.team.has_bfloat16", lambda: False)
        plain = fit(config, faces, tmp_path / "plain")
    losses = [run.history[-1]["restored_loss"] for run in (mixed, plain)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.fixture
def together(monkeypatch):
    """Runs one supervisor for each trainer in this process; returns how each ended."""
    monkeypatch.setattr(module, "BEAT", 0.1)
    monkeypatch.setattr(module, "GRACE", 0.1)
    monkeypatch.setattr(module, "NEWS", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(*trainers, settings=({}, {}), timeout=30.0, cut=None):
        addresses = free_addresses(len(trainers))

        async def supervise():
            supervisors = [
                module._Supervisor(
                    Workers(addresses, index),
                    [sys.executable, "-c", TRAINER + trainer],
                    settings[index % len(settings)],
                    timeout,
                )
                for index, trainer in enumerate(trainers)
            ]
            tasks = [asyncio.create_task(one.run()) for one in supervisors]
            if cut is not None:
                while not all(hasattr(one, "own") for one in supervisors):  # until all train
                    await asyncio.sleep(0.05)
                tasks[cut].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        ends = asyncio.run(supervise())
        return ends, [f"worker {index} ({one})" for index, one in enumerate(addresses)]

    return run


def test_workers_that_all_end_well_end_well(together):
    ends, _ = together("", "time.sleep(0.3)", "")
    assert ends == [0, 0, 0]


@pytest.mark.parametrize(
    ("trainer", "how"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "gave no sign for 3 s"),
    ],
)
def test_a_lost_trainer_is_named_on_every_worker(together, trainer, how):
    ends, names = together(AT_WORK, trainer, AT_WORK, timeout=3.0)
    for end in ends:
        assert isinstance(end, WorkerLostError)
        assert str(end) == f"{names[1]} {how}{GOES_ON}"


def test_a_trainer_is_heard_before_it_does_anything_else(monkeypatch):
    from olivetti_denoiser.train import trainer

    monkeypatch.setattr(trainer.threading.Thread, "start", lambda thread: None)
    hears, tells = os.pipe()
    trainer.Pulse().send_to(tells)
    os.close(tells)
    with os.fdopen(hears, "rb") as signs:
        assert signs.read() == b"null\n"


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_vanishes_is_named_by_the_others(together, index):
    ends, names = together(AT_WORK, AT_WORK, cut=index)
    assert isinstance(ends[index], asyncio.CancelledError)
    assert str(ends[1 - index]) == f"{names[index]} is gone{GOES_ON}"


def test_a_trainer_that_hangs_is_found_by_its_batches(together):
    hanging = "PULSE.stepping, PULSE.batches = True, {}; time.sleep(60)"
    ends, names = together(hanging.format(7), hanging.format(6), timeout=3.0)
    assert {str(end) for end in ends} == {f"{names[1]} made no batch for 3 s{GOES_ON}"}
    ends, names = together(hanging.format(7), hanging.format(7), timeout=3.0)
    assert {str(end) for end in ends} == {f"no worker ended step 7 within 3 s{GOES_ON}"}


def test_a_trainer_that_takes_its_time_over_no_step_is_left_alone(together):
    ends, _ = together("time.sleep(4)", "PULSE.stepping = True; time.sleep(4)", timeout=3.0)
    assert ends == [0, 0]


@pytest.mark.parametrize("end", ["os._exit(75)", "os.abort()", "os._exit(2)"])
def test_the_end_of_a_trainer_is_laid_to_the_loss_that_caused_it(
    together, monkeypatch, tmp_path, end
):
    monkeypatch.setattr(module, "NEWS", 20.0)
    started = tmp_path / "started"
    wait = f"while not os.path.exists({str(started)!r}): time.sleep(0.01)\n"
    lost = f"open({str(started)!r}, 'w'); time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)"
    ends, names = together(wait + end, lost)
    assert str(ends[0]) == f"{names[1]} was killed by SIGKILL{GOES_ON}"


def test_a_trainer_that_refuses_keeps_its_exit_code(together):
    ends, names = together(AT_WORK, "os._exit(2)")
    assert ends[1] == 2
    assert str(ends[0]) == f"{names[1]} ended with 2{GOES_ON}"


def test_different_settings_are_refused_on_both_sides(together):
    ends, _ = together("", "", settings=({"batch_size": 4}, {"batch_size": 8}))
    for end, numbers in zip(ends, ("8 there, 4 here", "4 there, 8 here"), strict=True):
        assert isinstance(end, ValueError)
        assert f"same settings (batch_size: {numbers})" in str(end)


def start(output, addresses, *options, **environment):
    """Starts a worker for each address; one alone without any."""
    workers = []
    for index in range(max(1, len(addresses))):
        joined = ["--workers", ",".join(addresses), "--worker-index", str(index)]
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "olivetti_denoiser", "train", "--output", str(output)]
                + (joined if addresses else [])
                + [*SMALL, *options],
                cwd=ROOT,
                env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)} | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return workers


def end(workers, codes=(0,)):
    """Waits for workers and returns what each printed to standard output and error."""
    shown = [worker.communicate(timeout=900) for worker in workers]
    assert [worker.returncode for worker in workers] == list(codes), shown
    return shown


def trainer_of(worker):
    """Returns the process id of a worker's trainer."""
    command = ["pgrep", "--parent", str(worker.pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def outcome(output):
    """Returns the run's final training weights and the model's figures."""
    with np.load(f"{output}.run/state.npz") as state:
        arrays = {name: state[name] for name in state.files if name != "notes"}
    metrics = json.loads((output / "metrics.json").read_text())
    return arrays, metrics["splits"]["test"]["model"]["psnr"]["mean"]


def assert_same(one, other):
    for name, array in one[0].items():
        np.testing.assert_allclose(other[0][name], array, rtol=1e-4, atol=1e-5, err_msg=name)
    assert other[1] == pytest.approx(one[1], abs=0.01)


@pytest.mark.slow
def test_two_workers_train_what_one_trains_and_so_do_two_devices(faces, tmp_path):
    end(start(tmp_path / "one", ()))
    alone = outcome(tmp_path / "one")

    first, second = end(start(tmp_path / "two", free_addresses(2)), (0, 0))
    assert "Epoch 3/3" in first[0]
    assert "Epoch" not in second[0] + second[1]  # the second one only computes
    assert_same(alone, outcome(tmp_path / "two"))

    flags = "--xla_force_host_platform_device_count=2"
    end(start(tmp_path / "devices", (), XLA_FLAGS=flags))
    assert_same(alone, outcome(tmp_path / "devices"))


@pytest.mark.slow
def test_a_killed_worker_ends_the_run_and_the_same_command_goes_on(faces, tmp_path):
    end(start(tmp_path / "undisturbed", free_addresses(2)), (0, 0))
    wanted = outcome(tmp_path / "undisturbed")

    # Worker 1 goes with its supervisor, as with its machine; of worker 0 the training alone.
    for victim, how in ((1, "is gone"), (0, "was killed by SIGKILL")):
        output, addresses = tmp_path / f"killed{victim}", free_addresses(2)
        workers = start(output, addresses)
        while not Path(f"{output}.run/state.npz").is_file():
            assert workers[0].poll() is None, workers[0].communicate()
            time.sleep(0.02)
        os.kill(workers[1].pid if victim else trainer_of(workers[0]), signal.SIGKILL)
        killed = time.monotonic()
        shown = workers[1 - victim].communicate(timeout=120)
        assert time.monotonic() - killed < 60
        assert workers[1 - victim].returncode == 3, shown
        name = f"worker {victim} ({addresses[victim]})"
        assert shown[1].splitlines() == [f"denoiser: {name} {how}{GOES_ON}"]
        workers[victim].communicate(timeout=60)
        assert workers[victim].returncode == (-signal.SIGKILL if victim else 3)

        resumed = end(start(output, addresses), (0, 0))
        assert "Resuming after epoch" in resumed[0][0]
        assert_same(wanted, outcome(output))
