"""Denoiser: the released network, ready for any picture.

    >>> from olivetti_denoiser import Denoiser
    >>> denoiser = Denoiser.from_pretrained("model_card")
    >>> restored = denoiser("noisy.png")                 # a PIL image of the same size
    >>> restored = denoiser(array, sigma=0.1)            # an array of the same shape and dtype

Composition, not inheritance: a `Denoiser` holds a Keras model and knows how to feed it.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from huggingface_hub import ModelHubMixin

from olivetti_denoiser import hub
from olivetti_denoiser.atomic import whole_folder
from olivetti_denoiser.backend import FOR_INFERENCE, choose_backend
from olivetti_denoiser.hidden_pixels import fill_hidden
from olivetti_denoiser.images import ImageLike, Picture
from olivetti_denoiser.model_folder import MODEL_FILES, missing_files, pointers_of
from olivetti_denoiser.save_model import date_of, save_folder
from olivetti_denoiser.tiles import TILE_SIDES

if TYPE_CHECKING:
    import keras
    from huggingface_hub import CommitInfo
    from PIL import Image

CARD = """\
---
{{ card_data }}
---

# Denoiser

Removes noise from gray or colour pictures. One input, N×H×W×1 in [0, 1] (N×H×W×3 of a network for
colour), and one output of the same shape; the sides are multiples of 64. Keras 3.12 or newer opens
it:

```python
model = keras.saving.load_model("hf://OWNER/NAME")
```
"""


class Denoiser(
    ModelHubMixin,
    library_name="keras",
    pipeline_tag="image-to-image",
    license="mit",
    tags=["denoising"],
    model_card_template=CARD,
):
    """Removes noise from pictures of any size.

    Args:
        model: a Keras model from N×H×W×1 or N×H×W×3 in [0, 1] to the same shape, fully
            convolutional, whose stride divides 64. Made of an estimator and a restorer (see
            `model`) it can estimate and be given the noise level.

    A network of one plane restores every channel as a gray picture. One of three planes restores
    red, green and blue together, and other channels as gray pictures.

    A call may come from any thread. One forward pass runs at a time, and a large picture is
    many passes, so a small one waits for a tile and not for the whole.
    """

    def __init__(self, model: keras.Model):
        from olivetti_denoiser.inference import TiledNetwork
        from olivetti_denoiser.model import takes_sigma

        self.model = model
        self.takes_sigma = takes_sigma(model)
        self._date: str | None = None  # on which the network was first saved
        self._network = TiledNetwork(model)
        self.planes = self._network.planes
        self.averages_mirror = self._network.averages_mirror

    def __reduce__(self) -> tuple:
        """Makes copies for other processes, which compile their own passes."""
        return _unpickled, (type(self), self.model.to_json(), self.model.get_weights())

    @overload
    def __call__(
        self,
        image: np.ndarray,
        *,
        sigma: float | None = ...,
        strength: float = ...,
        level_factor: float = ...,
        mirror: bool | None = ...,
        progress: Callable[[int, int], None] | None = ...,
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self,
        image: str | PathLike[str] | Image.Image,
        *,
        sigma: float | None = ...,
        strength: float = ...,
        level_factor: float = ...,
        mirror: bool | None = ...,
        progress: Callable[[int, int], None] | None = ...,
    ) -> Image.Image: ...

    def __call__(
        self,
        image: ImageLike,
        *,
        sigma: float | None = None,
        strength: float = 1.0,
        level_factor: float = 1.0,
        mirror: bool | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Image.Image | np.ndarray:
        """Restores a picture or a batch of pictures.

        Args:
            image: a path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or
                float in [0, 1]. Two or four channels end with alpha, which is left untouched.
            sigma: the noise level as a fraction of the range; None estimates it.
            strength: how much of the correction to apply, from 0 (untouched) to 1 (full).
            level_factor: what the noise level, given or estimated, is multiplied by, from 0 to 4:
                below 1 more grain is kept, above 1 the picture becomes smoother.
            mirror: whether to average with the restored mirror image, a little better at twice
                the time; None does what the model does by itself.
            progress: called with (passes done, passes in all) after each forward pass.

        Returns:
            The same kind as `image` (a PIL image for a path), with its size, dtype and range.

        Raises:
            ValueError: the picture or an option is not what is described above.
        """
        _check("strength", strength, 0.0, 1.0)
        _check("level_factor", level_factor, 0.0, 4.0)
        if sigma is not None:
            _check("sigma", sigma, 0.0, 1.0)
        if not self.takes_sigma and (sigma is not None or level_factor != 1.0):
            given = f"sigma={sigma}" if sigma is not None else f"level_factor={level_factor}"
            raise ValueError(f"this model takes no noise level. Received: {given}")
        picture = Picture.of(image)
        planes = picture.planes
        if strength == 0.0:
            return picture.rebuild(planes)
        pictures, visible = self._as_seen(picture), self._visible(picture)
        levels = self._levels(picture, pictures, sigma, level_factor)
        restored = self._network.restore(pictures, levels, mirror=mirror, progress=progress)
        restored = self._as_planes(picture, restored)
        restored -= planes
        restored *= np.float32(strength)
        if visible is not None:  # what nobody sees stays
            restored *= np.repeat(picture.visible, picture.planes_each, axis=0)
        restored += planes
        return picture.rebuild(restored)

    @overload
    def estimate_sigma(self, image: str | PathLike[str] | Image.Image) -> float: ...

    @overload
    def estimate_sigma(self, image: np.ndarray) -> float | np.ndarray: ...

    def estimate_sigma(self, image: ImageLike) -> float | np.ndarray:
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
        levels = self._estimate(picture, self._as_seen(picture))
        return levels if len(picture.shape) == 4 else float(levels[0])

    @classmethod
    def from_pretrained(  # type: ignore[override]  # no catch-all: a misspelt option is refused
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
    ) -> Denoiser:
        """Loads a denoiser from a model folder or from the Hub.

        From the Hub it downloads the three files that the network needs, checks every byte, and
        keeps them in the client's cache, which serves when the Hub cannot be reached.

        Args:
            pretrained_model_name_or_path: a model folder, or OWNER/NAME on the Hub.
            revision: tag, branch or commit on the Hub; the default branch when None.
            token: access token; None for the one that the Hub's client finds itself.
            cache_dir: where to keep downloads; None for the client's own cache.
            local_files_only: never touch the network.
            force_download: download even what is cached.

        Returns:
            The denoiser.

        Raises:
            ValueError: neither a folder nor a repository, no such revision, or no model in it.
            PermissionError: the token is wrong or not enough.
            ConnectionError: the Hub does not answer and the cache holds no copy, or a part of one.
            DamagedFileError: a file is damaged and no fresh copy can be had.
        """
        folder = Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            repo_id = str(pretrained_model_name_or_path)
            if not hub.REPO_ID.fullmatch(repo_id):
                raise ValueError(
                    f"a denoiser loads from a model folder or from OWNER/NAME on the Hub; there is "
                    f"no such folder. Received: {repo_id!r}"
                )
            folder = hub.download(
                repo_id,
                *MODEL_FILES,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                force_download=force_download,
            )
            if missing := missing_files(folder):
                if not hub.is_listed(folder, repo_id, cache_dir):
                    raise hub.incomplete(repo_id, folder, missing)
                raise ValueError(
                    f"the repository holds no model: it needs {', '.join(MODEL_FILES)} at its "
                    f"root. Received: {repo_id!r} at {folder.name[:7]}"
                )
        denoiser = cls(load_folder(folder))
        denoiser._date = date_of(folder)
        return denoiser

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> str | None:
        """Saves the network as a Keras folder that opens without this package.

        Args:
            save_directory: folder to write; created where missing.
            **kwargs: as for `huggingface_hub.ModelHubMixin.save_pretrained`.
        """
        return super().save_pretrained(save_directory, **kwargs)

    def push_to_hub(self, repo_id: str, **kwargs: Any) -> CommitInfo:
        """Uploads the network in one commit; a card that is there already stays as it is.

        `denoiser publish` makes a whole release, with figures, card and checks.

        Args:
            repo_id: OWNER/NAME; created where missing.
            **kwargs: as for `huggingface_hub.ModelHubMixin.push_to_hub`.

        Returns:
            The commit, a `huggingface_hub.CommitInfo`.

        Raises:
            ValueError, PermissionError, ConnectionError: see `from_pretrained`.
        """
        from huggingface_hub import HfApi

        hub.check_repo_id(repo_id)
        api = HfApi(token=kwargs.get("token"))

        def push():
            if api.repo_exists(repo_id) and api.file_exists(repo_id, "README.md"):
                kwargs["ignore_patterns"] = "README.md"
            return super(Denoiser, self).push_to_hub(repo_id, **kwargs)

        try:
            return hub.patiently(push)
        except Exception as error:
            raise hub.explained(error, repo_id) from error

    def _save_pretrained(self, save_directory: Path) -> None:
        with whole_folder(save_directory) as folder:
            self._date = save_folder(self.model, folder, self._date)

    def _as_seen(self, picture):
        """The pictures that the network sees, N×H×W×C: views where that is possible.

        What nobody sees is filled, so that it changes nothing that is seen.
        """
        planes = picture.planes
        if self.planes == 1:
            pictures = planes[..., None]
        elif picture.is_rgb:
            pictures = np.moveaxis(planes.reshape(picture.count, 3, *planes.shape[1:]), 1, -1)
        else:
            pictures = np.broadcast_to(planes[..., None], (*planes.shape, self.planes))
        visible = self._visible(picture)
        return pictures if visible is None else fill_hidden(pictures, visible)

    def _visible(self, picture):
        """Which pixels of the network's pictures anybody sees, bool N×H×W; None for all."""
        if picture.visible is None:
            return None
        count = len(picture.planes) if self.planes == 1 or not picture.is_rgb else picture.count
        return np.repeat(picture.visible, count // picture.count, axis=0)

    def _as_planes(self, picture, restored):
        """The way back from `_as_seen`: restored pictures as float32 P×H×W."""
        if self.planes == 1:
            return restored[..., 0]
        if picture.is_rgb:
            return np.moveaxis(restored, -1, 1).reshape(picture.planes.shape)
        return restored.mean(axis=-1)

    def _levels(self, picture, pictures, sigma, level_factor):
        """The level of each of the network's pictures; None where the network finds it itself."""
        if not self.takes_sigma:
            return None
        if sigma is not None:
            levels = np.full(len(pictures), sigma, np.float32)
        elif (
            self.planes == 1
            and picture.planes_each == 1
            and level_factor == 1.0
            and max(pictures.shape[1:3]) <= TILE_SIDES[0]
            and self._network.estimates_whole(pictures, self._visible(picture))
        ):
            return None
        else:
            levels = np.repeat(self._estimate(picture, pictures), len(pictures) // picture.count)
        return np.minimum(levels * np.float32(level_factor), np.float32(1.0))

    def _estimate(self, picture, pictures):
        """The level of each picture, the mean over what the network sees of it: float32 N."""
        levels = self._network.estimate(pictures, self._visible(picture))
        return levels.reshape(picture.count, -1).mean(axis=1)


def load_folder(folder: Path) -> keras.Model:
    """Loads the Keras model of a model folder, on the backend chosen or else the fastest installed.

    Raises:
        ValueError: the folder holds no model, or its files are damaged.
    """
    if missing := missing_files(folder):
        raise ValueError(
            f"a model folder needs {', '.join(MODEL_FILES)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
    if pointers := pointers_of(folder):
        raise ValueError(
            f"{', '.join(pointers)} are pointers of git-lfs, not the files that they stand for; "
            f"`git lfs pull` fetches these. Received: {folder}"
        )
    choose_backend(FOR_INFERENCE)
    import keras

    try:
        return keras.saving.load_model(str(folder), compile=False)
    except Exception as error:  # Keras and h5py raise many types for a damaged file
        cause: BaseException = error
        if isinstance(error, UnboundLocalError):  # Keras, while it handles the one before
            cause = error.__context__ or error
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise ValueError(f"the model cannot be loaded: {reason}. Received: {folder}") from error


def _unpickled(cls: type[Denoiser], network: str, weights: list[np.ndarray]) -> Denoiser:
    """A denoiser of a network as JSON and its weights, on this process's backend."""
    choose_backend(FOR_INFERENCE)
    import keras

    model = keras.models.model_from_json(network)
    model.set_weights(weights)
    return cls(model)


def _check(name, value, low, high):
    is_number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}. Received: {value!r}")
