"""Choose the Keras backend, and how it uses memory and processors, before Keras is imported.

>>> prepare_training()
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec

BACKENDS = ("tensorflow", "jax", "torch")  # best first
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # options of glibc's mallopt, in bytes


def prepare_training(backends: tuple[str, ...] = BACKENDS) -> None:
    """Choose the backend to train on; variables of the environment that are set win.

    Args:
        backends: Names of backends, best first.

    Raises:
        RuntimeError: Keras is installed, but none of the backends.
    """
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",  # TensorFlow's greetings, not its errors
        # A step has many small operations that do not wait for each other: with half of the
        # processors for each operation it is faster than with all of them.
        "TF_NUM_INTRAOP_THREADS": str(max(1, processors() // 2)),
        # By itself TensorFlow takes oneDNN only where the processor has AVX-512. With AVX2 alone a
        # step of the gray network takes 151 ms instead of 188.
        "TF_ENABLE_ONEDNN_OPTS": "1",
    }
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    keep_freed_memory()
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    installed = [name for name in backends if find_spec(name)]
    if installed:
        os.environ["KERAS_BACKEND"] = installed[0]
    elif find_spec("keras"):
        raise RuntimeError(
            f"Keras needs a backend: install one of {', '.join(backends)}. Received: none installed"
        )


def keep_freed_memory() -> None:
    """Let this process keep the memory that a training step frees, for the next step.

    The C library gives large blocks back to the system, which has to clear the pages that it hands
    out again: a third of the time of a training step in colour. Where the C library is not glibc,
    nothing changes. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, 2**25)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
        mallopt(TOP_PAD, 2**28)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
