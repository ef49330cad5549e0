"""What a second process brings: `python tests/benchmarks/benchmark_distributed.py BATCH STEPS`.

Times the steps of the default network on JAX: one process alone, two that train together, and two
that each compute half of a batch alone, all on a core each. The difference between the last two is
what the exchange of the gradients takes. Prints the first table of "What it brings" in
`training/README.md`. Other work on the machine falsifies the times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 2  # steps; the first one compiles


def step_seconds(batch_size: int, steps: int, index: int) -> float:
    """Return the median seconds of a step of this process, which Keras's variables may join."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[index]})
    os.environ["KERAS_BACKEND"] = "jax"
    import time

    import keras

    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.train.batches import NoisyFaces
    from olivetti_denoiser.train.distributed import KERAS_VARIABLES, data_parallel, initialize
    from olivetti_denoiser.train.fit import compiled

    if KERAS_VARIABLES[0] in os.environ:
        initialize()
    config = TrainingConfig(batch_size=batch_size, steps_per_epoch=WARM_UP + steps)
    keras.utils.set_random_seed(0)
    processes = data_parallel(batch_size)
    faces = np.random.default_rng(0).random((72, 64, 64, 1), dtype=np.float32)
    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # waits for the step
            times.append(time.perf_counter())

    with processes.scope():
        compiled(config).fit(
            NoisyFaces(faces, config, part=processes.part(batch_size)),
            steps_per_epoch=config.steps_per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=[Clock()],
        )
    processes.shutdown()
    return float(np.median(np.diff(times[WARM_UP - 1 :])))


def run(count: int, batch_size: int, steps: int, joined: bool) -> float:
    """Starts processes at once, joined or each for itself; returns the slowest one's seconds."""
    from test_distributed import environment, keras_variables

    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(batch_size), str(steps), str(index)],
            env=environment(**(variables if joined else {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index, variables in enumerate(keras_variables(count))
    ]
    shown = [process.communicate() for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(shown[0][1][-3000:])
    return max(json.loads(out.splitlines()[-1]) for out, _ in shown)


def main(batch_size: int, steps: int) -> None:
    sys.path[:0] = [str(ROOT / "training"), str(ROOT / "tests/train"), str(ROOT / "tests/helpers")]
    os.environ["KERAS_BACKEND"] = "jax"
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.network.unet import residual_unet

    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed, one a process. Received: 1")
    config = TrainingConfig()
    gradients = 4 * residual_unet(**config.network).count_params()
    one = run(1, batch_size, steps, joined=False)
    two = run(2, batch_size, steps, joined=True)
    apart = run(2, batch_size // 2, steps, joined=False)
    print(f"Batches of {batch_size} faces, {steps} steps, medians; one core a process.\n")
    print("| processes | seconds a step | speed | bytes sent a step and process | exchange |")
    print("|---|---|---|---|---|")
    print(f"| 1 | {one:.3f} | 1.00 | 0 | 0 % |")
    print(
        f"| 2 | {two:.3f} | {one / two:.2f} | {gradients / 1e6:.2f} MB "
        f"| {max(0, 1 - apart / two):.0%} |"
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    if len(given) > 2:
        print(json.dumps(step_seconds(*map(int, given))))
    else:
        main(*(int(value) for value in [*given, *("8", "10")[len(given) :]]))
