"""Measure a denoiser beside other methods on faces and small gray photographs.

    denoiser evaluate model_card --peers FOLDER --pictures FOLDER
    >>> metrics = evaluate(Denoiser.from_pretrained("model_card"), reference_split())
    >>> metrics["parts"]["test"]["methods"]["model"]["psnr"]  # {"mean": …, "low": …, "high": …}

Restored pictures are clipped to [0, 1], and everything is averaged over pictures.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from olivetti_denoiser import __version__
from olivetti_denoiser.data.faces import (
    SIGMA,
    Faces,
    as_arrays,
    split_checksum,
    split_name,
)
from olivetti_denoiser.data.test_sets import PictureSet
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.baselines import BASELINES, Method
from olivetti_denoiser.evaluate.tables import PART_NAMES
from olivetti_denoiser.metrics import details, mean_interval, mse, psnr, ssim
from olivetti_denoiser.noise import from_uint8, noisy_uint8
from olivetti_denoiser.release import MODEL, NOISY, Methods, Metrics, Scores, read_metrics

if TYPE_CHECKING:
    from datasets import DatasetDict

T = TypeVar("T")
S = TypeVar("S")
MEASURES = {"mse": mse, "psnr": psnr, "ssim": ssim}
SIGMAS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)  # of the table of PSNR against sigma
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


def evaluate(
    denoiser: Denoiser,
    split: DatasetDict,
    outside: Faces | None = None,
    *,
    published: Mapping[str, Method] | None = None,
    photographs: PictureSet | None = None,
    pictures: Faces | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Metrics:
    """Measure the denoiser and the methods it is compared with on gray pictures.

    Args:
        denoiser: The model to measure, of one network, see `Denoiser.only`.
        split: A `datasets.DatasetDict` with `train` and `test`.
        outside: The faces outside the split, or None to leave them out.
        published: Published denoisers by name, `(N×H×W×1, sigma) -> N×H×W×1`, for the test faces
            and the photographs.
        photographs: A further test set, or None; see `read_photographs`.
        pictures: Test pictures of the dataset that the model was trained on, where that was
            another than the split.
        report: Receives a line of progress for each part.

    Returns:
        What `metrics.json` holds of these pictures, see `release.Metrics`.
    """
    (network,) = denoiser.networks.values()
    usual = with_more(model_methods(denoiser), BASELINES)
    mirror = not network.mirror
    usual["variants"]["mirror averaged" if mirror else "without mirror"] = lambda noisy, sigma: (
        denoiser(noisy, mirror=mirror)
    )
    methods = with_more(usual, published or {})
    test = as_arrays(split["test"])
    further = {"outside": outside, "photographs": photographs, "pictures": pictures}
    parts: dict[str, Any] = {"test": test, "train": as_arrays(split["train"])}
    parts |= {name: part for name, part in further.items() if part is not None}
    measured: dict[str, Any] = {}
    for name, part in parts.items():
        report(f"Measuring {PART_NAMES[name].lower()} ({len(part.clean)})")
        compared = methods if name in ("test", "photographs") else usual
        measured[name] = {
            "count": len(part.clean),
            **of_each(compared, partial(_scores, part=part)),
        }
    if photographs is not None:
        measured["photographs"]["name"] = photographs.name
    restored = clipped(methods["methods"][MODEL], test.noisy, SIGMA)
    report(f"Measuring the test faces at sigma {', '.join(f'{sigma:g}' for sigma in SIGMAS)}")
    seconds = of_each(methods, lambda restore: fastest(restore, test.noisy) / len(test.clean))
    del seconds["methods"][NOISY]
    checksum = split_checksum(split)
    metrics: Metrics = {
        "sigma": SIGMA,
        "split": split_name(checksum),
        "split_checksum": checksum,
        "versions": versions(),
        "parameters": network.parameters,
        "planes": network.channels,
        "parts": measured,
        "seconds": seconds,
        "faces": _each_face(test, restored),
        "details": details(test.clean, test.noisy, restored),
        "sigmas": of_each(methods, lambda restore: psnr_by_sigma(restore, test)),
    }
    if published:
        metrics["published"] = list(published)
    return metrics


def of_each(methods: Methods[S], function: Callable[[S], T]) -> Methods[T]:
    """Return a function's result for every method and every variant."""
    return {
        "methods": {name: function(method) for name, method in methods["methods"].items()},
        "variants": {name: function(method) for name, method in methods["variants"].items()},
    }


def model_methods(denoiser: Denoiser) -> Methods[Method]:
    """Return the methods "noisy", which changes nothing, and "model", with the model's variants."""
    return {
        "methods": {
            NOISY: lambda noisy, sigma: noisy,
            MODEL: lambda noisy, sigma: denoiser(noisy),
        },
        "variants": {"sigma given": lambda noisy, sigma: denoiser(noisy, sigma=sigma)},
    }


def measure(clean: np.ndarray, restored: np.ndarray) -> Scores:
    """Return mean and 95 % Student interval of MSE, PSNR (dB) and SSIM over pictures.

    Args:
        clean: N×H×W×1 in [0, 1].
        restored: Likewise; values outside [0, 1] are clipped.
    """
    restored = np.clip(restored, 0, 1)
    scores = {name: mean_interval(function(clean, restored)) for name, function in MEASURES.items()}
    return cast(Scores, scores)


def psnr_by_sigma(restore: Method, faces: Faces) -> dict[str, float]:
    """Return a method's mean PSNR in dB on faces at each of `SIGMAS`."""
    return {
        f"{sigma:g}": float(
            psnr(faces.clean, clipped(restore, noisy_faces(faces, sigma), sigma)).mean()
        )
        for sigma in SIGMAS
    }


def clipped(restore: Method, noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Return restored pictures within [0, 1]."""
    return np.clip(restore(noisy, sigma), 0, 1)


def noisy_faces(faces: Faces, sigma: float) -> np.ndarray:
    """Return the faces at another noise level, clipped and rounded to 8 bits as the split is.

    Args:
        faces: Clean faces with their noise at the split's own level.
        sigma: Noise level as a fraction of the range; at the split's own, its noise is used.

    Returns:
        float32 N×64×64×1 in [0, 1].
    """
    if sigma == SIGMA:
        return faces.noisy
    return from_uint8(noisy_uint8(faces.clean, sigma, np.random.RandomState(NOISE_SEED)))


def fastest(restore: Method, noisy: np.ndarray) -> float:
    """Return the seconds that a method takes for a batch, the best of three where they are short.

    Whatever else the machine does makes a run slower, never faster.
    """
    times: list[float] = []
    while len(times) < 3 and sum(times) < 1.0:
        started = time.perf_counter()
        restore(noisy, SIGMA)
        times.append(time.perf_counter() - started)
    return min(times)


def warning(folder: str | Path, split: DatasetDict) -> str:
    """Return a warning where a model of another split may have learned from faces of this one.

    Args:
        folder: The model folder; of one without metrics nothing is known.
        split: The `datasets.DatasetDict` to measure on.
    """
    try:
        name = read_metrics(folder).get("split")
    except ValueError:
        return ""
    if name in (None, split_name(split_checksum(split))):
        return ""
    return f"Mind that the model was trained on the {name} split and may know these test faces.\n"


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and the packages that its metrics depend on."""
    found = {"python": platform.python_version(), "olivetti-denoiser": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def with_more(methods: Methods[Method], more: Mapping[str, Method]) -> Methods[Method]:
    """Return the methods and further ones after them; the variants are those of the model."""
    return {"methods": methods["methods"] | dict(more), "variants": dict(methods["variants"])}


def _scores(restore: Method, part: Any) -> Scores:
    """Return the scores at the split's sigma."""
    return measure(part.clean, restore(part.noisy, SIGMA))


def _each_face(faces, restored):
    columns = {name: function(faces.clean, restored) for name, function in MEASURES.items()}
    columns |= {"noisy_psnr": psnr(faces.clean, faces.noisy)}
    return [
        {
            "face_id": int(faces.face_id[row]),
            "subject": int(faces.subject[row]),
            **{name: float(values[row]) for name, values in columns.items()},
        }
        for row in range(len(restored))
    ]
