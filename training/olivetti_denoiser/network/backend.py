"""Choose the Keras backend before Keras is imported.

Training runs on TensorFlow unless told otherwise; `KERAS_BACKEND` always wins.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec

FOR_TRAINING = ("tensorflow", "jax", "torch")
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # options of glibc's mallopt, in bytes


def prepare_training(preferred: tuple[str, ...] = FOR_TRAINING) -> None:
    """Chooses the backend to train on and how it uses memory and processors; before Keras.

    Args:
        preferred: backend names, best first.

    Raises:
        ModuleNotFoundError, RuntimeError: see `choose_backend`.
    """
    share_processors()
    take_onednn()
    keep_freed_memory()
    choose_backend(preferred)


def share_processors() -> None:
    """Lets TensorFlow run operations beside each other rather than split each one.

    A training step has many small operations that do not wait for each other: with half of the
    processors for each one, it is faster than with all of them for one after the other.
    `TF_NUM_INTRAOP_THREADS` wins where it is set. To be called before TensorFlow computes anything.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, processors() // 2)))


def take_onednn() -> None:
    """Lets TensorFlow compute with oneDNN on every x86 processor, before it is imported.

    By itself TensorFlow does so only where the processor has AVX-512. With AVX2 alone a step of the
    gray network takes 151 ms instead of 188. `TF_ENABLE_ONEDNN_OPTS` wins where it is set.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def keep_freed_memory() -> None:
    """Lets this process keep the memory that a training step frees, for the next step.

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
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_backend(preferred: tuple[str, ...]) -> None:
    """Sets `KERAS_BACKEND` to the first installed backend, unless it is set or Keras is loaded.

    Args:
        preferred: backend names, best first.

    Raises:
        ModuleNotFoundError: neither they nor Keras are installed.
        RuntimeError: Keras is, and none of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings, not its errors
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    for name in preferred:
        if find_spec(name):
            os.environ["KERAS_BACKEND"] = name
            return
    if not find_spec("keras"):
        raise ModuleNotFoundError("Keras is not installed", name="keras")
    raise RuntimeError(
        f"Keras needs a backend: install one of {', '.join(preferred)}. Received: none installed"
    )
