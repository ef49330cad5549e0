"""Measure a denoiser on a split of the faces: a model and pictures in, all figures out.

    denoiser evaluate model_card
    denoiser evaluate model_card --peers FOLDER --pictures FOLDER
    >>> metrics = evaluate(Denoiser.from_pretrained("model_card"), reference_split())
    >>> metrics["parts"]["test"]["methods"]["model"]["psnr"]  # {"mean": …, "low": …, "high": …}

Every figure is computed from the split's 8-bit pictures, restored pictures clipped to [0, 1],
averaged over pictures, with the 95 % Student interval of that mean.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from olivetti_denoiser import __version__
from olivetti_denoiser.data.faces import (
    REFERENCE,
    SIGMA,
    Faces,
    as_arrays,
    load_split,
    split_checksum,
    split_name,
)
from olivetti_denoiser.data.test_images import Photographs
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.errors import FacesUnavailableError
from olivetti_denoiser.evaluate.baselines import BASELINES, restore_all
from olivetti_denoiser.evaluate.tables import PART_NAMES
from olivetti_denoiser.metrics import details, mean_interval, mse, psnr, ssim
from olivetti_denoiser.noise import from_uint8, noisy_uint8
from olivetti_denoiser.release import (
    MODEL,
    NOISY,
    Kind,
    Methods,
    Metrics,
    Part,
    Scores,
    read_metrics,
)

if TYPE_CHECKING:
    from datasets import DatasetDict

MEASURES = {"mse": mse, "psnr": psnr, "ssim": ssim}
SIGMAS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)  # levels of the table of PSNR against sigma
NOISE_SEED = 42
PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "onnxruntime",
    "numpy",
    "scikit-image",
    "opencv-python-headless",
)

Method = Callable[[np.ndarray, float], np.ndarray]


def evaluate(
    denoiser: Denoiser,
    split: DatasetDict,
    outside: Faces | None = None,
    *,
    published: Mapping[str, Method] | None = None,
    photographs: Photographs | None = None,
    pictures: Faces | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Metrics:
    """Measures the denoiser and what it is compared with.

    Args:
        denoiser: the model to measure, of one network, see `Denoiser.only`.
        split: a `datasets.DatasetDict` with `train` and `test`.
        outside: the faces outside the split, or None to leave them out.
        published: published denoisers by name, `(N×H×W×1, sigma) -> N×H×W×1`, for the test faces
            and the photographs.
        photographs: a further test set, or None.
        pictures: test pictures of the dataset that the model was trained on, where that was
            another than the split.
        say: receives a line of progress for each part.

    Returns:
        What `metrics.json` holds of these pictures, see `release.Metrics`.
    """
    published = dict(published or {})
    (network,) = denoiser.networks.values()
    model = model_methods(denoiser)
    usual = {**model["methods"], **classical_methods()}
    test = as_arrays(split["test"])
    parts: dict[str, Faces | Photographs] = {"test": test, "train": as_arrays(split["train"])}
    further: dict[str, Faces | Photographs | None]
    further = {"outside": outside, "photographs": photographs, "pictures": pictures}
    parts |= {name: part for name, part in further.items() if part is not None}
    checksum = split_checksum(split)
    metrics: Metrics = {
        "sigma": SIGMA,
        "split": split_name(checksum),
        "split_checksum": checksum,
        "versions": versions(),
        "parameters": network.parameters,
        "planes": network.channels,
        "parts": {},
        "seconds": {"methods": {}, "variants": {}},
        "faces": [],
        "details": [],
        "sigmas": {"methods": {}, "variants": {}},
    }
    if published:
        metrics["published"] = list(published)
    for name, faces in parts.items():
        say(f"Measuring {PART_NAMES[name].lower()} ({len(faces.clean)})")
        part: Part = {"count": len(faces.clean), "methods": {}, "variants": {}}
        if name == "photographs":
            part = {"name": photographs.name, **part}
        metrics["parts"][name] = part
        known = published if name in ("test", "photographs") else {}
        groups: dict[Kind, dict[str, Method]]
        groups = {"methods": usual | known, "variants": model["variants"]}
        for kind, methods in groups.items():
            for method, restore in methods.items():
                restored = np.clip(restore(faces.noisy, SIGMA), 0, 1)
                part[kind][method] = measure(faces.clean, restored)
                if name == "test" and method != NOISY:  # again, now that all is compiled
                    took = fastest(restore, faces.noisy) / len(faces.clean)
                    metrics["seconds"][kind][method] = took
                if name == "test" and method == MODEL:
                    metrics["faces"] = _each_face(faces, restored)
                    metrics["details"] = details(faces.clean, faces.noisy, restored)
    say(f"Measuring the test faces at sigma {', '.join(f'{sigma:g}' for sigma in SIGMAS)}")
    metrics["sigmas"] = {
        "methods": psnr_against_sigma(usual | published, test),
        "variants": psnr_against_sigma(model["variants"], test),
    }
    return metrics


def fastest(restore: Method, noisy: np.ndarray) -> float:
    """Returns the seconds that a method takes for a batch, the best of three where they are short.

    Whatever else the machine does makes a run slower, never faster.
    """
    times: list[float] = []
    while len(times) < 3 and sum(times) < 1.0:
        started = time.perf_counter()
        restore(noisy, SIGMA)
        times.append(time.perf_counter() - started)
    return min(times)


def warning(folder: str | Path, split: DatasetDict) -> str:
    """Returns a line where a model of another split may know the faces of this one.

    Args:
        folder: the model folder; of one without figures nothing is known.
        split: the `datasets.DatasetDict` to measure on.
    """
    try:
        name = read_metrics(folder).get("split", REFERENCE)
        if name in (None, split_name(split_checksum(split))):
            return ""
        learned = load_split(name)["train"]["face_id"]
    except (ValueError, FacesUnavailableError):
        return ""
    known = len(set(learned) & set(split["test"]["face_id"]))
    return (
        f"Mind that the model was trained on the {name} split, with {known} of these "
        f"{len(split['test'])} test faces.\n"
    )


def model_methods(denoiser: Denoiser) -> Methods[Method]:
    """Returns the ways to use the denoiser: "model" is a call without options."""
    methods: dict[str, Method] = {
        NOISY: lambda noisy, sigma: noisy,
        MODEL: lambda noisy, sigma: denoiser(noisy),
    }
    variants: dict[str, Method] = {"sigma given": lambda noisy, sigma: denoiser(noisy, sigma=sigma)}
    if any(network.mirror for network in denoiser.networks.values()):
        variants["without mirror"] = lambda noisy, sigma: denoiser(noisy, mirror=False)
    else:
        variants["mirror averaged"] = lambda noisy, sigma: denoiser(noisy, mirror=True)
    return {"methods": methods, "variants": variants}


def classical_methods() -> dict[str, Method]:
    """Returns the methods of `evaluate.baselines`, for batches."""

    def batched(restore):
        return lambda noisy, sigma: restore_all(restore, noisy, sigma)

    return {name: batched(restore) for name, restore in BASELINES.items()}


def measure(clean: np.ndarray, restored: np.ndarray) -> Scores:
    """Returns mean and 95 % interval of MSE, PSNR (dB) and SSIM over pictures.

    Args:
        clean, restored: N×H×W×1 in [0, 1].

    Returns:
        Measure → `mean`, `low`, `high`; the interval is Student's, over the N pictures.
    """
    scores = {name: mean_interval(function(clean, restored)) for name, function in MEASURES.items()}
    return cast(Scores, scores)


def psnr_against_sigma(methods: Mapping[str, Method], faces: Faces) -> dict[str, dict[str, float]]:
    """Returns each method's mean PSNR in dB at every level of `SIGMAS`, on the given faces.

    At the split's own level the faces' own noise is used, at others noise drawn the same way.
    """
    table: dict[str, dict[str, float]] = {name: {} for name in methods}
    for sigma in SIGMAS:
        noisy = noisy_faces(faces, sigma)
        for name, restore in methods.items():
            restored = np.clip(restore(noisy, sigma), 0, 1)
            table[name][f"{sigma:g}"] = float(psnr(faces.clean, restored).mean())
    return table


def noisy_faces(faces: Faces, sigma: float) -> np.ndarray:
    """Returns the faces at another noise level, clipped and rounded to 8 bits as the split is.

    Args:
        faces: clean faces with their noise at the split's own level.
        sigma: noise level as a fraction of the range.

    Returns:
        float32 N×64×64×1 in [0, 1].
    """
    if sigma == SIGMA:
        return faces.noisy
    random = np.random.RandomState(NOISE_SEED)
    return from_uint8(noisy_uint8(faces.clean, sigma, random))


def versions() -> dict[str, str]:
    """Returns the versions of Python, this package and what its figures depend on."""
    found = {"python": platform.python_version(), "olivetti-denoiser": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _each_face(faces, restored):
    columns = {name: function(faces.clean, restored) for name, function in MEASURES.items()}
    before = psnr(faces.clean, faces.noisy)
    return [
        {
            "face_id": int(faces.face_id[row]),
            "subject": int(faces.subject[row]),
            "noisy_psnr": float(before[row]),
            **{name: float(values[row]) for name, values in columns.items()},
        }
        for row in range(len(restored))
    ]
