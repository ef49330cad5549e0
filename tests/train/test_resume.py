"""Killed at any moment, a run is whole and ends with the weights of the undisturbed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from checkout import ROOT

KILLS = 4
WORKERS = 2


@pytest.mark.slow
def test_killed_at_random_moments_a_run_ends_with_the_same_weights(tmp_path):
    """Two runs, each killed and resumed twice on its way, against two undisturbed ones."""
    workers = []
    for number in range(WORKERS):
        (tmp_path / str(number)).mkdir()
        numbers = (str(number), str(KILLS // WORKERS))
        workers.append(
            subprocess.Popen(
                [sys.executable, "tests/helpers/killed_runs.py", tmp_path / str(number), *numbers],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT / "training")},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    reports = []
    for worker in workers:
        out, err = worker.communicate(timeout=900)
        assert worker.returncode == 0, err[-3000:]
        reports.append(json.loads(out.splitlines()[-1]))
    moments = [moment for report in reports for moment in report["killed_at_and_epochs_kept"]]
    equal = [report["equal"] for report in reports]
    print(f"moments tried {len(moments)}, (epoch, epochs kept): {moments}; runs equal: {equal}")
    assert len(moments) == KILLS
    assert all(equal)
    assert any(kept for _, kept in moments), "every kill fell before the first epoch"
