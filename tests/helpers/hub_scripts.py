"""What strangers do with published repositories.

    python tests/helpers/hub_scripts.py NAME FOLDER

Each script talks to the Hub that HF_ENDPOINT names and prints one line of JSON, its last.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def pull_back(folder: Path) -> dict:
    """Load what `train` and `publish` made as a developer does, and compare it with the folder."""
    import numpy as np

    from olivetti_denoiser.data.faces import as_arrays, reference_split
    from olivetti_denoiser.denoiser import Denoiser

    noisy = as_arrays(reference_split("alice/m")["test"]).noisy
    here = Denoiser.from_pretrained(folder / "model")(noisy)
    there = Denoiser.from_pretrained("alice/m", revision="v1.0.0")(noisy)
    np.save(folder / "restored.npy", here)
    plain = Denoiser.from_pretrained(folder / "model")(noisy[:1], mirror=False)
    np.save(folder / "plain.npy", plain)  # what the old format holds
    return {"gap": float(np.abs(here - there).max()), "change": float(np.abs(here - noisy).max())}


def pull_back_with_keras(folder: Path) -> dict:
    """Load it as Keras, TensorFlow and `datasets` do, with none of our code."""
    import keras
    import numpy as np
    import tensorflow as tf
    from datasets import load_dataset
    from huggingface_hub import DatasetCard, ModelCard, hf_hub_download

    split = load_dataset("alice/m")
    noisy = np.stack([np.asarray(picture) for picture in split["test"]["noisy"]])
    noisy = noisy[..., None].astype(np.float32) / 255
    expected, plain = (np.load(folder / name) for name in ("restored.npy", "plain.npy"))

    def gap(model, pictures, expected):
        restored = np.clip(np.asarray(model.predict(pictures, verbose=0)), 0, 1)
        return float(np.abs(restored - expected).max())

    first = tf.keras.models.load_model(hf_hub_download("alice/m", "best_model.h5"), compile=False)
    return {
        "hf": gap(keras.saving.load_model("hf://alice/m"), noisy, expected),
        "h5": gap(first, noisy[:1], plain),
        "h5 shape": list(first.predict(noisy[:1], verbose=0).shape),
        "cards": [
            ModelCard.load("alice/m").data.model_name,
            DatasetCard.load("alice/m").data.license,
        ],
    }


def fetch_space(folder: Path) -> dict:
    """Download the Space into an empty folder, and return its variables."""
    from huggingface_hub import HfApi, snapshot_download

    snapshot_download("alice/m", repo_type="space", local_dir=folder / "space")
    variables = HfApi().get_space_variables("alice/m")
    return {key: variable.value for key, variable in variables.items()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
