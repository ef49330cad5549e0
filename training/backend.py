"""Choose the Keras backend before Keras is imported.

Training runs on TensorFlow unless told otherwise, everything else on OpenVINO, which imports and
answers several times faster on a CPU. `KERAS_BACKEND` always wins.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

FOR_TRAINING = ("tensorflow", "jax", "torch")
FOR_INFERENCE = ("openvino", "tensorflow", "jax", "torch")
NEEDS = {"openvino": ("openvino", "scipy")}  # Keras imports SciPy there without requiring it


def choose_backend(preferred: tuple[str, ...]) -> None:
    """Sets `KERAS_BACKEND` to the first installed backend, unless it is set or Keras is loaded.

    Args:
        preferred: backend names, best first.

    Raises:
        RuntimeError: none of them is installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings, not its errors
    if "keras" in sys.modules or os.environ.get("KERAS_BACKEND"):
        return
    for name in preferred:
        if all(find_spec(package) for package in NEEDS.get(name, (name,))):
            os.environ["KERAS_BACKEND"] = name
            return
    raise RuntimeError(
        f"Keras needs a backend: install one of {', '.join(preferred)}. Received: none installed"
    )
