"""How training shares the processors, and that it keeps the memory that it frees."""

import json
import os
import platform
import subprocess
import sys

import pytest

from olivetti_denoiser.network import backend


@pytest.mark.parametrize(("processors", "threads"), [(1, "1"), (2, "1"), (4, "2"), (16, "8")])
def test_an_operation_takes_half_of_the_processors(monkeypatch, processors, threads):
    monkeypatch.setattr(backend, "processors", lambda: processors)
    monkeypatch.setattr(os, "environ", {})
    backend.share_processors()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == threads


def test_a_number_of_threads_that_was_asked_for_stays(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    backend.share_processors()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"


@pytest.mark.parametrize("asked", [None, "0"])
def test_onednn_is_taken_unless_something_else_was_asked_for(monkeypatch, asked):
    name = "TF_ENABLE_ONEDNN_OPTS"
    monkeypatch.setattr(os, "environ", {} if asked is None else {name: asked})
    backend.take_onednn()
    assert os.environ[name] == (asked or "1")


def test_the_commands_that_train_share_them_and_the_others_do_not():
    code = """
import json, os
from olivetti_denoiser.cli.train import prepare
import olivetti_denoiser.denoiser
before = os.environ.get("TF_NUM_INTRAOP_THREADS")
prepare()
print(json.dumps([before, os.environ["TF_NUM_INTRAOP_THREADS"]]))
"""
    environment = {name: os.environ[name] for name in os.environ if "INTRAOP" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [None, str(max(1, backend.processors() // 2))]


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
