"""Denoiser: the released networks, ready for any picture.

    >>> from olivetti_denoiser import Denoiser
    >>> denoiser = Denoiser.from_pretrained("model_card")
    >>> restored = denoiser("noisy.png")                 # a PIL image of the same size
    >>> restored = denoiser(array, sigma=0.1)            # an array of the same shape and dtype
    >>> denoiser.restore("noisy.png").network            # and which of its networks it was
    'colour'

A release holds two networks. The gray one sees each channel alone and is best for noise that is the
same in all channels; the colour one is best for noise of each channel's own, and for a camera's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.images.picture import ImageLike, Picture
from olivetti_denoiser.inference.choose_network import choose_network
from olivetti_denoiser.inference.estimate import estimate
from olivetti_denoiser.inference.network import FILES, Network
from olivetti_denoiser.inference.restore import plan
from olivetti_denoiser.inference.transparent_pixels import fill_hidden
from olivetti_denoiser.release import COLOUR, MODEL_FILES, NETWORK, ONNX

if TYPE_CHECKING:
    from PIL import Image

Name = Literal["gray", "colour"]
NAMES: dict[int, Name] = {1: "gray", 3: "colour"}  # of networks, by their channels
ONNX_PLACES = (ONNX, f"{COLOUR}/{ONNX}")  # of a release's networks
# `config.json` is what the Hub counts downloads by.
DOWNLOADED = (*(f"{place}/{name}" for place in ONNX_PLACES for name in FILES), NETWORK)
MAX_LEVEL_FACTOR = 4.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Restored:
    """What `Denoiser.restore` returns.

    Attributes:
        image: The restored picture or batch, of the kind that came in.
        sigma: The noise level, given or estimated, a fraction of the range; of a batch an array N.
        network: "gray" or "colour", the network that restored it; of a batch a list of N.
    """

    image: Image.Image | np.ndarray
    sigma: float | np.ndarray
    network: Name | list[Name]


class Denoiser:
    """Removes noise from pictures of any size.

    Args:
        networks: One network, or a gray and a colour one.

    Attributes:
        networks: The networks by name, "gray" and "colour"; at least one of them.

    A call may come from any thread, and several may run at once. A denoiser can be pickled, and
    used after a fork.
    """

    def __init__(self, *networks: Network):
        self.networks: dict[Name, Network] = {}
        for network in networks:
            self.networks.setdefault(NAMES[network.channels], network)
        if not self.networks:
            raise ValueError("a denoiser needs a network. Received: none")

    @classmethod
    def from_pretrained(
        cls,
        repo_id_or_folder: str | PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        force_download: bool = False,
        providers: Sequence[str] | None = None,
    ) -> Denoiser:
        """Load the networks of a model folder or of a repository on the Hub.

        From the Hub it downloads the ONNX files alone, checks every byte, and keeps them in the
        client's cache, which serves when the Hub cannot be reached.

        Args:
            repo_id_or_folder: A model folder, or OWNER/NAME on the Hub.
            revision: Tag, branch or commit on the Hub; the default branch when None.
            token: Access token; None for the one that the Hub's client finds itself.
            cache_dir: Where to keep downloads; None for the client's own cache.
            local_files_only: Never touch the network.
            force_download: Download even what is cached.
            providers: Execution providers of ONNX Runtime, best first, such as
                ["CUDAExecutionProvider", "CPUExecutionProvider"] where `onnxruntime-gpu` is
                installed; None runs on the CPU.

        Returns:
            The denoiser.

        Raises:
            ValueError: Neither a folder nor a repository, no such revision, no network in it, or
                no such provider.
            PermissionError: The token is wrong or not enough.
            ConnectionError: The Hub does not answer and the cache holds no copy, or a part of one.
            DamagedFileError: A file is damaged and no fresh copy can be had.
        """
        if providers is not None:
            _check_providers(providers)
        folder = Path(repo_id_or_folder)
        if folder.is_dir():
            return load_folder(folder, providers)
        repo_id = str(repo_id_or_folder)
        if not hub.REPO_ID.fullmatch(repo_id):
            raise ValueError(
                f"a denoiser loads from a model folder or from OWNER/NAME on the Hub; there is no "
                f"such folder. Received: {repo_id!r}"
            )
        folder = hub.download(
            repo_id,
            *DOWNLOADED,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
        )
        wanted = [f"{place}/{name}" for place in _places(folder) or [ONNX] for name in FILES]
        if absent := [name for name in wanted if not (folder / name).is_file()]:
            if not hub.is_listed(folder, repo_id, cache_dir):
                raise hub.incomplete(repo_id, folder, absent)
            raise ValueError(
                f"the repository holds no {' and no '.join(absent)}: a network that is there for "
                f"Keras alone gets its ONNX files from `denoiser export FOLDER`, and publishing "
                f"the folder brings them here. Received: {repo_id!r} at {folder.name[:7]}"
            )
        return load_folder(folder, providers)

    @overload
    def __call__(self, image: np.ndarray, **options: Any) -> np.ndarray: ...

    @overload
    def __call__(self, image: str | PathLike[str] | Image.Image, **options: Any) -> Image.Image: ...

    def __call__(self, image: ImageLike, **options: Any) -> Image.Image | np.ndarray:
        """Return the restored picture or batch alone.

        Args:
            image: As for `restore`.
            **options: Those of `restore`.
        """
        return self.restore(image, **options).image

    def restore(
        self,
        image: ImageLike,
        *,
        sigma: float | None = None,
        strength: float = 1.0,
        level_factor: float = 1.0,
        mirror: bool | None = None,
        network: Name | None = None,
        progress: Progress | None = None,
    ) -> Restored:
        """Restore a picture or a batch of pictures.

        Args:
            image: A path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or float
                in [0, 1]. Two or four channels end with alpha, which is left untouched.
            sigma: The noise level as a fraction of the range; None estimates it.
            strength: How much of the correction to apply, from 0 (untouched) to 1 (full).
            level_factor: What the noise level, given or estimated, is multiplied by, from 0 to 4:
                below 1 more grain is kept, above 1 the picture becomes smoother.
            mirror: Whether to average with the restored mirror image, a little better at twice the
                time; None does what the network is meant to do.
            network: "gray" or "colour"; None chooses by the noise of each picture.
            progress: Called with (passes done, passes in all) after each pass of a network.

        Returns:
            The image has the same kind as `image` (a PIL image for a path), its size, dtype and
            range.

        Raises:
            ValueError: The picture or an option is not what is described above.
        """
        check_options(sigma, strength, level_factor)
        if mirror not in (None, True, False):
            raise ValueError(f"mirror must be True, False or None. Received: {mirror!r}")
        picture = Picture.of(image)
        groups = self._groups(picture, network)
        sigmas = np.full(picture.count, sigma or 0.0, np.float32)
        planes, results, passes = _each(picture), [], []
        for name, rows in groups.items():
            seen = _as_seen(picture, self.networks[name], rows)
            if sigma is None:
                sigmas[rows] = self._estimate(picture, name, rows, seen)
            if strength == 0.0:
                continue
            levels = np.minimum(sigmas[rows] * np.float32(level_factor), np.float32(1.0))
            levels = np.repeat(levels, len(seen) // len(levels))
            restored, planned = plan(self.networks[name], seen, levels, mirror)
            results.append((rows, restored))
            passes += planned
        for done, one_pass in enumerate(passes, 1):
            one_pass()
            if progress is not None:
                progress(done, len(passes))
        if len(results) == 1:  # all pictures by one network: no copy
            changed = _as_planes(picture, results[0][1])
        else:
            changed = planes.copy()
            for rows, restored in results:
                changed[rows] = _as_planes(picture, restored)
        image = picture.rebuild(_blend(picture, changed, strength))
        if len(picture.shape) != 4:
            return Restored(image, float(sigmas[0]), next(iter(groups)))
        names = {row: name for name, rows in groups.items() for row in rows}
        return Restored(image, sigmas, [names[row] for row in range(picture.count)])

    @overload
    def estimate_sigma(
        self, image: str | PathLike[str] | Image.Image, *, network: Name | None = ...
    ) -> float: ...

    @overload
    def estimate_sigma(
        self, image: np.ndarray, *, network: Name | None = ...
    ) -> float | np.ndarray: ...

    def estimate_sigma(
        self, image: ImageLike, *, network: Name | None = None
    ) -> float | np.ndarray:
        """Estimate the noise level of a picture or of each picture of a batch.

        Args:
            image, network: As for `restore`.

        Returns:
            The level as a fraction of the range, a number; for a batch an array of N.

        Raises:
            ValueError: The picture is not one.
        """
        picture = Picture.of(image)
        sigmas = np.empty(picture.count, np.float32)
        for name, rows in self._groups(picture, network).items():
            seen = _as_seen(picture, self.networks[name], rows)
            sigmas[rows] = self._estimate(picture, name, rows, seen)
        return sigmas if len(picture.shape) == 4 else float(sigmas[0])

    def only(self, network: Name) -> Denoiser:
        """Return a denoiser of one of the networks, which restores every picture with it.

        Raises:
            ValueError: There is no such network.
        """
        if network not in self.networks:
            raise ValueError(f"network must be {' or '.join(self.networks)}. Received: {network!r}")
        return Denoiser(self.networks[network])

    def choose(self, image: ImageLike) -> Name | list[Name]:
        """Return the network that `restore` would take: a name, for a batch a list of N."""
        picture = Picture.of(image)
        names = self._choices(picture, None)
        return names if len(picture.shape) == 4 else names[0]

    def _groups(self, picture: Picture, network: Name | None) -> dict[Name, list[int]]:
        """Return the rows of a batch by the network that restores them."""
        groups: dict[Name, list[int]] = {}
        for row, name in enumerate(self._choices(picture, network)):
            groups.setdefault(name, []).append(row)
        return groups

    def _choices(self, picture: Picture, network: Name | None) -> list[Name]:
        if network is not None:
            self.only(network)
            return [network] * picture.count
        if len(self.networks) == 1:
            return list(self.networks) * picture.count
        if picture.planes_each != 1 and not picture.is_rgb:
            return ["gray"] * picture.count
        visible = picture.visible
        return [
            choose_network(pixels, None if visible is None else visible[row])
            for row, pixels in enumerate(picture.eight_bits())
        ]

    def _estimate(self, picture, name, rows, seen):
        """Return the level of some pictures, of each the mean over what the network sees of it."""
        visible = picture.visible
        if visible is not None:
            visible = np.repeat(visible[rows], len(seen) // len(rows), axis=0)
        levels = estimate(self.networks[name], seen, visible)
        return levels.reshape(len(rows), -1).mean(axis=1)


def check_options(sigma: float | None, strength: float, level_factor: float) -> None:
    """Make sure of options of `Denoiser.restore`, before any work.

    Raises:
        ValueError: One is not what is described there.
    """
    _check("strength", strength, 0.0, 1.0)
    _check("level_factor", level_factor, 0.0, MAX_LEVEL_FACTOR)
    if sigma is not None:
        _check("sigma", sigma, 0.0, 1.0)


def load_folder(folder: str | Path, providers: Sequence[str] | None = None) -> Denoiser:
    """Load the networks of a model folder: at its root, and in `colour/`.

    Raises:
        ValueError: The folder holds no network, or its files are damaged.
    """
    folder = Path(folder)
    if places := _places(folder):
        return Denoiser(*(Network.load(folder / place, providers) for place in places))
    if all((folder / name).is_file() for name in MODEL_FILES):
        raise ValueError(
            f"the folder holds a network for Keras alone; `denoiser export {folder}` writes the "
            f"ONNX files beside it, with Keras installed. Received: {folder}"
        )
    needed = " and ".join(f"{ONNX}/{name}" for name in FILES)
    raise ValueError(f"a model folder needs {needed}. Received: {folder}")


def _places(folder: Path) -> list[str]:
    """Return which of the places of networks hold something."""
    return [
        place for place in ONNX_PLACES if any((folder / place / name).is_file() for name in FILES)
    ]


def _each(picture: Picture) -> np.ndarray:
    """Return the planes of each picture: N×C×H×W, a view."""
    return picture.planes.reshape(picture.count, picture.planes_each, *picture.planes.shape[1:])


def _as_seen(picture: Picture, network: Network, rows: list[int]) -> np.ndarray:
    """Return what a network sees of some pictures, N×C×H×W: a view where that is possible.

    What nobody sees is filled, so that it changes nothing that is seen.
    """
    planes = _each(picture)
    if len(rows) < picture.count:
        planes = planes[rows]
    shape = planes.shape[2:]
    if network.channels == 1:
        seen = planes.reshape(-1, 1, *shape)
    elif picture.is_rgb:
        seen = planes
    else:
        seen = np.broadcast_to(
            planes.reshape(-1, 1, *shape), (planes.shape[0] * planes.shape[1], 3, *shape)
        )
    if picture.visible is None:
        return seen
    visible = np.repeat(picture.visible[rows], len(seen) // len(rows), axis=0)
    return np.moveaxis(fill_hidden(np.moveaxis(seen, 1, -1), visible), -1, 1)


def _as_planes(picture: Picture, restored: np.ndarray) -> np.ndarray:
    """Return restored pictures as planes of each, N×C×H×W: the way back from `_as_seen`."""
    if restored.shape[1] == 3 and not picture.is_rgb:
        restored = restored.mean(axis=1)
    return restored.reshape(-1, picture.planes_each, *restored.shape[-2:])


def _blend(picture: Picture, changed: np.ndarray, strength: float) -> np.ndarray:
    """Return P×H×W planes, corrected as far as asked for; what nobody sees stays."""
    planes = picture.planes
    changed = changed.reshape(planes.shape)
    if strength != 1.0:
        changed -= planes
        changed *= np.float32(strength)
        changed += planes
    if picture.visible is not None:
        visible = np.repeat(picture.visible, picture.planes_each, axis=0)
        np.copyto(changed, planes, where=~visible)
    return changed


def _check_providers(providers: Sequence[str]) -> None:
    import onnxruntime

    known = onnxruntime.get_available_providers()
    is_list = isinstance(providers, (list, tuple))
    if not is_list or not all(name in known for name in providers):
        raise ValueError(
            f"providers must be a list of names that this ONNX Runtime has: {', '.join(known)}. "
            f"Received: {providers!r}"
        )


def _check(name, value, low, high):
    is_number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}. Received: {value!r}")
