"""A release: the name of every file in it, the declared form of its metrics, and the gate's score.

    >>> missing_files("model_card")                                               # doctest: +SKIP
    []
    >>> gate_score(read_metrics("model_card")).psnr                               # doctest: +SKIP
    30.166569652096122

A model folder holds one network: Keras's own files, the ONNX files, the card, the metrics, the
history and settings of the training, and plots. A release is the model folder of the gray network
with that of the network for colour in `colour/`; a folder with one network is a release too.

In metrics, a result of several methods is a `Methods`: the compared methods stand under `methods`,
and other ways to call the model under `variants`, such as "sigma given" and "without mirror".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

NETWORK, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MODEL_FILES = (NETWORK, METADATA, WEIGHTS)  # what Keras writes and reads
POINTER = b"version https://git-lfs"  # what a pointer of git-lfs begins with
LEGACY_MODEL = "best_model.h5"  # the same weights as one file; of a gray network only
ONNX = "onnx"  # the folder of the network for everything but Keras
ESTIMATOR, RESTORER = f"{ONNX}/estimator.onnx", f"{ONNX}/restorer.onnx"
ONNX_FILES = (ESTIMATOR, RESTORER)
CARD, METRICS = "README.md", "metrics.json"
HISTORY, CONFIG = "history.csv", "training_config.json"
EVENTS = "runs"  # TensorBoard events; the Hub shows them wherever they lie
COMPARISON, CURVES = "comparison.png", "loss_curves.png"
LEVELS, ERRORS = "psnr_vs_sigma.png", "error_map.png"
PLOTS = (CURVES, COMPARISON, LEVELS, ERRORS)
LOSS_FACES = "losses.png"
REAL = "real_photographs.png"  # of a model for colour
GRAY, COLOUR = "gray", "colour"  # the two networks; the second has its folder inside the first's
NETWORKS = {1: GRAY, 3: COLOUR}  # by the number of channels
PLACES = {GRAY: "", COLOUR: f"{COLOUR}/"}  # where each lies in a release

# Everything a model folder consists of; other files of a folder stay as they are.
RELEASED = (
    *MODEL_FILES, LEGACY_MODEL, ONNX, CARD, METRICS, HISTORY, CONFIG, *PLOTS, LOSS_FACES, REAL,
    EVENTS,
)  # fmt: skip


def missing_files(folder: str | Path) -> list[str]:
    """Return which of the files that Keras needs are not in the folder."""
    return [name for name in MODEL_FILES if not (Path(folder) / name).is_file()]


def is_released(folder: str | Path) -> bool:
    """Tell whether the folder holds a complete release: network, metrics and card."""
    return all((Path(folder) / name).exists() for name in (*MODEL_FILES, METRICS, CARD))


def files_of(folder: str | Path) -> dict[str, Path]:
    """Return the files of a model folder that are released, by their path in the folder."""
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path
        for name in RELEASED
        for path in (folder / name, *sorted((folder / name).rglob("*")))
        if path.is_file()
    }


def check_target(folder: str | Path) -> None:
    """Make sure that writing a release to `folder` overwrites nothing but a release.

    Raises:
        ValueError: It is a file, or a folder with files but no model.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if folder.is_dir() and (
        not any(folder.iterdir()) or any((folder / name).is_file() for name in MODEL_FILES)
    ):
        return
    raise ValueError(
        f"the output must be a new folder or an earlier model folder. Received: {folder}"
    )


T = TypeVar("T")

NOISY, MODEL = "noisy", "model"  # the methods that every table has
STANDING_SET = "scikit-image"  # the colour pictures that every machine has
GATE_LEVEL = "25"  # 255ths of the range: the noise that a colour model is judged at


# "mse", "psnr" in dB and "ssim" of restored pictures: each the `mean` with its 95 % interval from
# `low` to `high`.
Scores = dict[str, dict[str, float]]


class Methods(TypedDict, Generic[T]):
    """One result for each method.

    Attributes:
        methods: By the method's name; "noisy" is the input, "model" a call without options.
        variants: Other ways to call the model, by what they do: "sigma given", "without mirror".
    """

    methods: dict[str, T]
    variants: dict[str, T]


class Metrics(TypedDict):
    """What `metrics.json` holds.

    Attributes:
        sigma: The split's noise level, a fraction of the range.
        split: The split's name; None for a split without a name in `data.faces.SPLITS`.
        split_checksum: The SHA-256 of the split's pixels, see `data.faces.split_checksum`.
        versions: The versions of Python, this package and the packages that metrics depend on.
        parameters: The number of the network's weights; None where its files do not tell.
        planes: The channels of a picture: 1 in a gray network, 3 in a network for colour.
        parts: `Methods` of `Scores` by the name of the pictures: the faces of "test" and "train"
            and those "outside" the split; "photographs", with the set's `name`; and "pictures",
            the test pictures of the dataset that the model was trained on. Each has its `count`.
        seconds: Seconds a test face takes, by method.
        published: Names of the published denoisers among the methods.
        faces: Each test face: `face_id`, `subject`, `noisy_psnr`, `mse`, `psnr`, `ssim`.
        details: What is preserved of the test faces, see `metrics.details`.
        sigmas: Mean PSNR in dB on the test faces by level, a fraction of the range, such as "0.1".
        colour: An entry for each set of colour pictures, by its name: `psnr`, mean PSNR in dB by
            level of white noise in 255ths of the range, such as "25", and `seconds` a megapixel,
            both `Methods`; `count`, `crop` (side of the middle squares in pixels, or None) and the
            `checksum` of the clean pictures and of their noisy versions.
        pairs: An entry for each set of real noisy pictures, by its name. It has the keys of an
            entry of `colour`, but `psnr` is one number a method.
        drawn: Of a network for colour, gains on drawn pictures by kind, see `evaluate.drawn`.
        seeds: A row for each further seed of the recipe: `seed`, `mse`, `psnr`, `ssim`,
            `validation_psnr` and, of a network for colour, `gate_psnr`, see `gate_score`.
        other_splits: The recipe's results on other splits, by the split's name; `parts` has the
            mean PSNR in dB of each method, with `count`.
        training: How the network was trained: seed, epochs, seconds, multiply-adds and more.
        ablation: See `evaluate.ablation.table`.
        pictures_learned: What each kind of training pictures is worth to a network for colour.
            `rows` has a row for each kind, by its name: the PSNR in dB by the name of the measured
            pictures. `steps` and `seed` are those of each training, and `note` says how else the
            trainings differed.
    """

    sigma: float
    split: str | None
    split_checksum: str
    versions: dict[str, str]
    parameters: int | None
    planes: int
    parts: dict[str, dict[str, Any]]
    seconds: Methods[float]
    published: NotRequired[list[str]]
    faces: list[dict[str, Any]]
    details: list[dict[str, Any]]
    sigmas: Methods[dict[str, float]]
    colour: NotRequired[dict[str, dict[str, Any]]]
    pairs: NotRequired[dict[str, dict[str, Any]]]
    drawn: NotRequired[dict[str, dict[str, float]]]
    seeds: NotRequired[list[dict[str, Any]]]
    other_splits: NotRequired[dict[str, Any]]
    training: NotRequired[dict[str, Any]]
    ablation: NotRequired[dict[str, Any]]
    pictures_learned: NotRequired[dict[str, Any]]


class GateScore(NamedTuple):
    """The score by which a model is compared before it replaces a published model.

    Attributes:
        psnr: Mean PSNR in dB of the restored pictures.
        noisy: Mean PSNR in dB of the noisy pictures.
        pictures: The name of the measured pictures, in words.
        checksum: The checksum of these pictures; only scores with the same checksum compare.
    """

    psnr: float
    noisy: float
    pictures: str
    checksum: str | None

    def compares_with(self, other: GateScore) -> bool:
        """Tell whether both scores are of the same pictures, as far as their checksums say."""
        unknown = None in (self.checksum, other.checksum)
        return self.pictures == other.pictures and (unknown or self.checksum == other.checksum)


class Released(NamedTuple):
    """A network of a release: its model folder, and its metrics, read once."""

    folder: Path
    metrics: Metrics


def read_metrics(folder: str | Path) -> Metrics:
    """Read the metrics of a model folder.

    Args:
        folder: The model folder.

    Raises:
        ValueError: The metrics are missing, cannot be read, or have another form.
    """
    path = Path(folder) / METRICS
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"no metrics can be read: {error}. Received: {path}") from None
    if not isinstance(metrics, dict) or not isinstance(metrics.get("parts"), dict):
        raise ValueError(
            "no metrics can be read: they must be an object with `parts`, as `denoiser evaluate "
            f"--save` writes it. Received: {path}"
        )
    return metrics  # type: ignore[return-value]


def read_network(folder: str | Path) -> Released:
    """Return a model folder with its metrics.

    Raises:
        ValueError: See `read_metrics`.
    """
    return Released(Path(folder), read_metrics(folder))


def write_metrics(folder: str | Path, metrics: Metrics) -> None:
    """Write the metrics of a model folder.

    Args:
        folder: A folder that nobody reads yet; see `atomic.atomic_folder`.
        metrics: The metrics.
    """
    text = json.dumps(metrics, indent=1) + "\n"
    (Path(folder) / METRICS).write_text(text, encoding="utf-8")


def network_of(metrics: Metrics) -> str:
    """Return the name of the network that was measured, "gray" or "colour".

    Raises:
        ValueError: It has neither one channel nor three.
    """
    channels = metrics.get("planes", 1)
    if channels not in NETWORKS:
        raise ValueError(f"a network has 1 channel or 3. Received: {channels} in {METRICS}")
    return NETWORKS[channels]


def networks_of(release: str | Path) -> dict[str, Released]:
    """Return the networks of a release, by "gray" and "colour".

    Raises:
        ValueError: See `read_metrics` and `network_of`; or `colour/` holds no network for colour,
            or the root holds one too.
    """
    release = Path(release)
    folders = [release, *([release / COLOUR] if (release / COLOUR).is_dir() else [])]
    found = [read_network(folder) for folder in folders]
    names = [network_of(network.metrics) for network in found]
    if names[1:] not in ([], [COLOUR]) or names == [COLOUR, COLOUR]:
        raise ValueError(
            f"a release has its gray network at the root and the one for colour in {COLOUR}/. "
            f"Received: {release} with a {' and a '.join(names)} one"
        )
    return dict(zip(names, found, strict=True))


def gate_score(metrics: Metrics) -> GateScore | None:
    """Return the score that the gate compares.

    For a gray model it is the mean PSNR on the test faces; for a colour model, the mean PSNR on the
    colour pictures of scikit-image at σ = 25/255. Any machine has these pictures.

    Args:
        metrics: The metrics of a model.

    Returns:
        The score, or None where the metrics lack it.
    """
    try:
        if metrics.get("planes", 1) == 1:
            scores = metrics["parts"]["test"]["methods"]
            psnr, noisy = (float(scores[name]["psnr"]["mean"]) for name in (MODEL, NOISY))
            return GateScore(psnr, noisy, "the test faces", metrics.get("split_checksum"))
        found = metrics["colour"][STANDING_SET]
        levels = found["psnr"]["methods"]
        psnr, noisy = (float(levels[name][GATE_LEVEL]) for name in (MODEL, NOISY))
        pictures = f"the colour pictures of {STANDING_SET} at σ = {GATE_LEVEL}/255"
        return GateScore(psnr, noisy, pictures, found.get("checksum"))
    except (KeyError, TypeError, ValueError):
        return None


def rows(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return results by the methods' names in tables; the variants come after the model.

    >>> rows({"methods": {"noisy": 20, "model": 30, "BM3D": 29}, "variants": {"sigma given": 31}})
    {'noisy': 20, 'model': 30, 'model, sigma given': 31, 'BM3D': 29}
    """
    named = {}
    for name, result in results["methods"].items():
        named[name] = result
        if name == MODEL:
            named |= {f"{MODEL}, {way}": other for way, other in results["variants"].items()}
    return named
