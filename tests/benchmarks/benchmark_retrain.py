"""The whole retraining job from a fresh checkout.

    python tests/benchmarks/benchmark_retrain.py

Clones the last commit, installs everything into it, trains and publishes to a Hub on loopback, as
`.github/workflows/retrain.yml` says, and prints the minutes of each part. Inputs of the form can be
given, such as `epochs=1 preset=quick`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from actions_runner import ROOT, Job
from local_hub import LocalHub

HOUR = 3600.0


def main(inputs: dict[str, str]) -> int:
    with tempfile.TemporaryDirectory(prefix="retrain-") as work, LocalHub() as hub:
        folder, started = Path(work), time.perf_counter()
        checkout = folder / "checkout"
        subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, checkout], check=True)
        cloned = time.perf_counter() - started
        token = hub.user("alice")
        # What the machine has, such as the faces and its settings; nothing of another environment.
        ours = {"PYTHONPATH", "VIRTUAL_ENV", "KERAS_BACKEND", "HF_TOKEN"}
        machine = {key: value for key, value in os.environ.items() if key not in ours}
        job = Job(
            "retrain.yml",
            "retrain",
            checkout,
            inputs=inputs,
            variables={"HF_OWNER": "alice"},
            secrets={"HF_TOKEN": token},
            environment=machine
            | {
                "HF_ENDPOINT": hub.endpoint,
                "HF_HOME": str(folder / "hf"),
                "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": f"127.0.0.1,{os.environ.get('NO_PROXY', '')}",
            },
            timeout=2 * HOUR,
        ).run()
        print(f"{cloned / 60:6.2f} min  Checkout")
        for step in job.steps:
            if step.seconds:
                print(f"{step.seconds / 60:6.2f} min  {step.name}: {step.outcome}")
            if step.outcome == "failure":
                print(step.output[-3000:])
        metrics = checkout / "outputs/model/metrics.json"
        if metrics.is_file():
            training = json.loads(metrics.read_text())["training"]
            print(f"{training['seconds'] / 60:6.2f} min of it in epochs, {training['cores']} cores")
        print(f"{(time.perf_counter() - started) / 60:6.2f} min  altogether: {job.conclusion}")
        return job.conclusion != "success"


if __name__ == "__main__":
    sys.exit(main(dict(argument.split("=", 1) for argument in sys.argv[1:])))
