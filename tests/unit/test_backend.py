"""How training shares the processors, and that it keeps the memory that it frees."""

import os
import platform
import subprocess
import sys

import pytest

from olivetti_denoiser.network import backend


@pytest.mark.parametrize("processors, threads", [(1, "1"), (16, "8")])
def test_an_operation_takes_half_of_the_processors_unless_it_is_told(
    monkeypatch, processors, threads
):
    monkeypatch.setattr(backend, "processors", lambda: processors)
    monkeypatch.setattr(backend, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(os, "environ", {"TF_ENABLE_ONEDNN_OPTS": "0"})
    backend.prepare_training()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == threads
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_the_first_installed_backend_is_taken_and_none_is_refused(monkeypatch):
    monkeypatch.setattr(backend, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(backend, "find_spec", lambda name: name in ("jax", "keras"))
    backend.prepare_training()
    assert os.environ.pop("KERAS_BACKEND") == "jax"
    with pytest.raises(RuntimeError, match=r"one of torch\. Received: none"):
        backend.prepare_training(("torch",))


FAULTS = """
import resource, numpy
from olivetti_denoiser.network.backend import keep_freed_memory
def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        [numpy.ones(3 * 2**20) for _ in range(5)]  # 120 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
page_faults()
before = page_faults()
keep_freed_memory()
page_faults()
print(before, page_faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's memory can be kept")
def test_freed_memory_is_kept():
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True
    )
    before, after = map(int, done.stdout.split())
    assert after < 1000 < before
