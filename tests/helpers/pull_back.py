"""Load what `train` and `publish` made as Keras, TensorFlow and `datasets` do, without our code.

    python tests/helpers/pull_back.py FOLDER

It talks to the Hub that HF_ENDPOINT names, and compares the networks with what `Denoiser` restored
the test faces to: `restored.npy` and, without the mirror image, `plain.npy` in the folder. The
largest differences are its last line, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from datasets import load_dataset
from huggingface_hub import hf_hub_download

NAME = "alice/m"


def main(folder: Path) -> None:
    """Compare each network."""
    pictures = [np.asarray(picture) for picture in load_dataset(NAME)["test"]["noisy"]]
    noisy = np.stack(pictures)[..., None].astype(np.float32) / 255
    network = keras.saving.load_model(f"hf://{NAME}")
    first = tf.keras.models.load_model(hf_hub_download(NAME, "best_model.h5"), compile=False)
    differences = {}
    for name, model, given in (("restored", network, noisy), ("plain", first, noisy[:1])):
        restored = np.clip(np.asarray(model.predict(given, verbose=0)), 0, 1)
        differences[name] = float(np.abs(restored - np.load(folder / f"{name}.npy")).max())
    print(json.dumps(differences))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
