"""Denoiser: the released network, ready for any picture.

    >>> from training.denoiser import Denoiser
    >>> denoiser = Denoiser.from_pretrained("model_card")
    >>> restored = denoiser("noisy.png")                 # a PIL image of the same size
    >>> restored = denoiser(array, sigma=0.1)            # an array of the same shape and dtype

Composition, not inheritance: a `Denoiser` holds a Keras model and knows how to feed it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from huggingface_hub import ModelHubMixin

from training.backend import FOR_INFERENCE, choose_backend
from training.images import Picture

choose_backend(FOR_INFERENCE)

import keras  # noqa: E402

from training.model import SIGMA_LAYER, sigma_estimator, with_sigma_input  # noqa: E402

MODEL_FILES = ("config.json", "metadata.json", "model.weights.h5")

# A backend compiles once for each input shape, so pictures are fed in a few fixed shapes.
TILE_SIDES = (64, 128, 256, 512)
MARGIN = 64  # pixels of context around a tile; more than half the network's receptive field
PIXELS_AT_ONCE = TILE_SIDES[-1] ** 2


class Denoiser(ModelHubMixin):
    """Removes Gaussian noise from pictures of any size.

    Args:
        model: a Keras model from N×H×W×1 in [0, 1] to the same shape, fully convolutional,
            whose stride divides 64. With a layer named "sigma" (see `training.model`) it can
            estimate and be given the noise level.

    A call may come from any thread. One forward pass runs at a time, and a large picture is
    many passes, so a small one waits for a tile and not for the whole.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.takes_sigma = any(layer.name == SIGMA_LAYER for layer in model.layers)
        self._lock = threading.Lock()
        self._passes = {}

    def __call__(
        self,
        image,
        *,
        sigma: float | None = None,
        strength: float = 1.0,
        mirror: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ):
        """Restores a picture or a batch of pictures.

        Args:
            image: a path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or
                float in [0, 1]. Two or four channels end with alpha, which is left untouched.
                Every colour is restored as a gray picture.
            sigma: the noise level as a fraction of the range; None estimates it.
            strength: how much of the correction to apply, from 0 (untouched) to 1 (full).
            mirror: average with the restored mirror image: a little better at twice the time.
            progress: called with (passes done, passes in all) after each forward pass.

        Returns:
            The same kind as `image` (a PIL image for a path), with its size, dtype and range.

        Raises:
            ValueError: the picture, `sigma` or `strength` is not what is described above.
        """
        _check("strength", strength, 0.0, 1.0)
        if sigma is not None:
            _check("sigma", sigma, 0.0, 1.0)
            if not self.takes_sigma:
                raise ValueError(f"this model takes no noise level. Received: sigma={sigma}")
        picture = Picture.of(image)
        planes = picture.planes
        if strength == 0.0:
            return picture.rebuild(planes)
        side = _tile_side(planes)
        one_tile = max(planes.shape[1:]) <= side
        levels = None
        if sigma is not None:
            levels = np.full(len(planes), sigma, np.float32)
        elif self.takes_sigma and not (one_tile and picture.planes_each == 1):
            levels = np.repeat(self._estimate(picture), picture.planes_each)
        restored = self._restore(planes, levels, progress, mirror)
        return picture.rebuild(planes + np.float32(strength) * (restored - planes))

    def estimate_sigma(self, image) -> float | np.ndarray:
        """Estimates the noise level of a picture.

        Args:
            image: as for a call.

        Returns:
            The level as a fraction of the range, a number; for a batch an array of N.

        Raises:
            ValueError: the picture is not one, or the model has no estimator.
        """
        if not self.takes_sigma:
            raise ValueError(f"this model estimates no noise level. Received: {self.model.name}")
        picture = Picture.of(image)
        levels = self._estimate(picture)
        return levels if len(picture.shape) == 4 else float(levels[0])

    def save_pretrained(self, save_directory: str | Path, **kwargs):
        """Saves the network as a Keras folder that opens without this package.

        Args:
            save_directory: folder to write; created where missing.
            **kwargs: as for `huggingface_hub.ModelHubMixin.save_pretrained`.
        """
        return super().save_pretrained(save_directory, **kwargs)

    def _save_pretrained(self, save_directory: Path) -> None:
        self.model.save(str(save_directory), zipped=False)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **kwargs,
    ) -> Denoiser:
        return cls(load_folder(Path(model_id)))

    def _estimate(self, picture):
        """The level of each picture, the mean over its planes and tiles: float32 N."""
        planes, side = picture.planes, _tile_side(picture.planes)
        total, count = np.zeros(len(planes)), 0
        for top, left in _tile_places(planes.shape[1:], side, overlap=0):
            tiles = _padded(planes[:, top : top + side, left : left + side], side)
            total += np.concatenate(
                [self._run("estimate", chunk).reshape(-1) for chunk in _chunks(tiles)]
            )
            count += 1
        return (total / count).reshape(picture.count, -1).mean(axis=1).astype(np.float32)

    def _restore(self, planes, levels, progress, mirror):
        """Restores P×H×W planes tile by tile; without levels the network estimates its own."""
        side = _tile_side(planes)
        margin = MARGIN if max(planes.shape[1:]) > side else 0
        places = _tile_places(planes.shape[1:], side, overlap=2 * margin)
        size = _chunk_size(side)
        total = len(places) * -(-len(planes) // size)
        restored = np.empty_like(planes)
        done = 0
        for top, left in places:
            tiles = _padded(planes[:, top : top + side, left : left + side], side)
            height, width = planes[0, top : top + side, left : left + side].shape
            # Keep what is a margin away from the tile's edges, and all of it at the picture's.
            up, before = margin * (top > 0), margin * (left > 0)
            for start in range(0, len(planes), size):
                rows = slice(start, start + size)
                level = None if levels is None else levels[rows]
                result = self._forward(tiles[rows], level)
                if mirror:
                    flipped = self._forward(tiles[rows, :, ::-1], level)[:, :, ::-1]
                    result = (result + flipped) / 2
                restored[rows, top + up : top + height, left + before : left + width] = result[
                    :, up:height, before:width
                ]
                done += 1
                if progress is not None:
                    progress(done, total)
        return restored

    def _forward(self, tiles, levels):
        if levels is None:
            return self._run("restore", tiles)[..., 0]
        return self._run("restore given sigma", tiles, levels)[..., 0]

    def _run(self, name, tiles, levels=None):
        """One forward pass of N×S×S tiles, in a pass compiled for this side."""
        inputs = np.ascontiguousarray(tiles, np.float32)[..., None]
        with self._lock:
            key = (name, inputs.shape[1])
            if key not in self._passes:
                self._passes[key] = self._compile(name)
            if levels is not None:
                inputs = [inputs, levels.reshape(-1, 1, 1, 1)]
            return np.asarray(self._passes[key].predict_on_batch(inputs))

    def _compile(self, name):
        """A model of its own for each input shape, since OpenVINO keeps one compiled shape each."""
        if name == "restore":
            return keras.Model(self.model.inputs, self.model.outputs)
        if name == "estimate":
            return sigma_estimator(self.model)
        return with_sigma_input(self.model)


def load_folder(folder: Path) -> keras.Model:
    """Loads the Keras model of a model folder.

    Raises:
        ValueError: the folder holds no model, or its files are damaged.
    """
    missing = [name for name in MODEL_FILES if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"a model folder needs {', '.join(MODEL_FILES)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
    try:
        return keras.saving.load_model(str(folder), compile=False)
    except Exception as error:  # Keras and h5py raise many types for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"the model cannot be loaded: {reason}. Received: {folder}") from error


def _check(name, value, low, high):
    if not isinstance(value, (int, float, np.floating)) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}. Received: {value!r}")


def _tile_side(planes):
    """The smallest fixed side that holds the picture, else the largest there is."""
    longest = max(planes.shape[1:])
    return next((side for side in TILE_SIDES if side >= longest), TILE_SIDES[-1])


def _chunk_size(side):
    return max(1, PIXELS_AT_ONCE // side**2)


def _chunks(tiles):
    size = _chunk_size(tiles.shape[1])
    return [tiles[start : start + size] for start in range(0, len(tiles), size)]


def _tile_places(shape, side, overlap):
    """Top-left corners of tiles that cover the picture, neighbours overlapping by `overlap`."""
    starts = []
    for length in shape:
        step = side - overlap
        starts.append([0, *range(step, max(1, length - overlap), step)])
    return [(top, left) for top in starts[0] for left in starts[1]]


def _padded(tiles, side):
    """Mirrors the picture at its lower and right edge until it fills a square of `side`."""
    height, width = tiles.shape[1:]
    return np.pad(tiles, ((0, 0), (0, side - height), (0, side - width)), mode="reflect")
