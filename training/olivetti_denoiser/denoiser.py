"""Denoiser: the released networks, ready for any picture.

    >>> from olivetti_denoiser import Denoiser
    >>> denoiser = Denoiser.from_pretrained("model_card")
    >>> restored = denoiser("noisy.png")                 # a PIL image of the same size
    >>> restored = denoiser(array, sigma=0.1)            # an array of the same shape and dtype
    >>> denoiser.restore("noisy.png").network            # the network that restored it
    'colour'

A release holds two networks. The gray one sees each channel alone and is best for noise that is the
same in all channels. The colour network is best for noise that differs between channels, and for
the noise of cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.images.picture import ImageLike, Picture
from olivetti_denoiser.inference.choose_network import choose_network
from olivetti_denoiser.inference.estimate import estimate
from olivetti_denoiser.inference.letterbox import inside_letterbox
from olivetti_denoiser.inference.network import FILES, Network
from olivetti_denoiser.inference.restore import Progress, restore
from olivetti_denoiser.inference.transparent_pixels import fill_transparent
from olivetti_denoiser.release import COLOUR, NETWORK, ONNX, PLACES

if TYPE_CHECKING:
    from PIL import Image

Name = Literal["gray", "colour"]
NAMES: dict[int, Name] = {1: "gray", 3: "colour"}  # of networks, by their channels
# The Hub counts downloads by the root's `config.json`; a network for Keras alone has such a file.
DOWNLOADED = tuple(
    place + name
    for place in PLACES.values()
    for name in (NETWORK, *(f"{ONNX}/{name}" for name in FILES))
)
MAX_LEVEL_FACTOR = 4.0


@dataclass(frozen=True)
class Restored:
    """The answer of `Denoiser.restore`.

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
            force_download: Download cached files, too.
            providers: Execution providers of ONNX Runtime, best first, such as
                ["CUDAExecutionProvider", "CPUExecutionProvider"] where `onnxruntime-gpu` is
                installed; None runs on the CPU. ONNX Runtime warns of a provider that it lacks.

        Raises:
            ValueError: Neither a folder nor a repository, no such revision, or no network in it.
            PermissionError: The token is wrong or not enough.
            ConnectionError: The Hub does not answer and the cache holds no whole copy.
            DamagedFileError: A file is damaged and no fresh copy can be had.
        """
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
        return load_folder(folder, providers)

    def __call__(self, image: ImageLike, **options: Any) -> Any:
        """Call `restore` with these options and return the restored image alone."""
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
            level_factor: The noise level, given or estimated, is multiplied by this, from 0 to 4:
                below 1 more grain is kept, above 1 the picture becomes smoother.
            mirror: Whether to average with the restored mirror image, a little better at twice the
                time; None follows the network's own `mirror`.
            network: "gray" or "colour"; None chooses by the noise of each picture.
            progress: Called with (tiles done, tiles in all) after each tile of a picture, or with
                (pictures done, pictures in all) after each picture of a batch.

        Returns:
            The image has the same kind as `image` (a PIL image for a path), its size, dtype and
            range.

        Raises:
            ValueError: The picture or an option is not as described above.
        """
        check_options(sigma, strength, level_factor)
        if mirror not in (None, True, False):
            raise ValueError(f"mirror must be True, False or None. Received: {mirror!r}")
        options = (sigma, strength, level_factor, mirror, network)
        if not isinstance(image, np.ndarray) or image.ndim != 4 or not len(image):
            return self._restore_one(image, *options, progress)
        restored: list[Any] = []
        for picture in image:
            restored.append(self._restore_one(picture, *options))
            if progress is not None:
                progress(len(restored), len(image))
        sigmas = np.array([one.sigma for one in restored], np.float32)
        images = np.stack([one.image for one in restored])
        return Restored(images, sigmas, [one.network for one in restored])

    def _restore_one(
        self, image, sigma, strength, level_factor, mirror, network, progress=None
    ) -> Restored:
        picture = Picture.of(image)
        name = self._choose(picture) if network is None else network
        chosen = self.only(name).networks[name]
        channels, visible = picture.channels, picture.visible
        if visible is not None:
            channels = fill_transparent(channels, visible)
        # The inside of the letterbox border is estimated and restored as if it were all.
        inside = inside_letterbox(channels)
        if is_plain := not channels[:, *inside].size:
            inside = np.s_[:, :]
        seen = _as_seen(channels[:, *inside], chosen)
        if sigma is None:
            mask = None if visible is None else visible[inside]
            sigma = np.mean([estimate(chosen, one, mask) for one in seen])
        sigma = float(sigma)
        if is_plain or strength == 0.0:
            is_array = isinstance(image, np.ndarray)
            unchanged = np.array(image) if is_array else picture.rebuild(picture.channels)
            return Restored(unchanged, sigma, name)
        changed = restore(chosen, seen, min(sigma * level_factor, 1.0), mirror, progress)
        target = picture.channels[:, *inside]
        # A channel that was seen as three equal colours is their mean.
        changed = changed[0] if len(changed) < len(target) else changed.mean(axis=1)
        if strength != 1.0:
            changed = target + np.float32(strength) * (changed - target)
        np.copyto(target, changed, where=True if visible is None else visible[inside])
        return Restored(picture.rebuild(picture.channels), sigma, name)

    def estimate_sigma(
        self, image: ImageLike, *, network: Name | None = None
    ) -> float | np.ndarray:
        """Estimate the noise level of a picture or of each picture of a batch.

        Args:
            image, network: As for `restore`.

        Returns:
            The noise level as a fraction of the range, a number; for a batch an array of N.
        """
        return self.restore(image, strength=0.0, network=network).sigma

    def only(self, network: Name) -> Denoiser:
        """Return a denoiser of one of the networks, which restores every picture with it.

        Raises:
            ValueError: There is no such network.
        """
        if network not in self.networks:
            raise ValueError(f"network must be {' or '.join(self.networks)}. Received: {network!r}")
        return Denoiser(self.networks[network])

    def _choose(self, picture: Picture) -> Name:
        """Return the network for a picture."""
        if len(self.networks) == 1:
            return next(iter(self.networks))
        return choose_network(picture.eight_bits(), picture.visible)


def check_options(sigma: float | None, strength: float, level_factor: float) -> None:
    """Check options of `Denoiser.restore`, before any work.

    Raises:
        ValueError: An option is out of its range.
    """
    _check("strength", strength, 0.0, 1.0)
    _check("level_factor", level_factor, 0.0, MAX_LEVEL_FACTOR)
    if sigma is not None:
        _check("sigma", sigma, 0.0, 1.0)


def load_folder(folder: str | Path, providers: Sequence[str] | None = None) -> Denoiser:
    """Load the networks of a model folder: at its root, and in `colour/`.

    Raises:
        ValueError: The folder holds no network or a network for Keras alone, or its files are
            damaged.
    """
    networks = []
    for place in (Path(folder), Path(folder) / COLOUR):
        if any((place / ONNX / name).is_file() for name in FILES):
            networks.append(Network.load(place / ONNX, providers))
        elif (place / NETWORK).is_file():
            raise ValueError(
                f"the folder holds a network for Keras alone; `denoiser export FOLDER` writes the "
                f"ONNX files beside it, with Keras installed. Received: {place}"
            )
    if not networks:
        needed = " and ".join(f"{ONNX}/{name}" for name in FILES)
        raise ValueError(f"a model folder needs {needed}. Received: {folder}")
    return Denoiser(*networks)


def _as_seen(channels: np.ndarray, network: Network) -> np.ndarray:
    """Return the pictures that a network sees of C×H×W channels: N×C×H×W, a view.

    A gray network sees each channel alone; a colour network sees red, green and blue together, and
    gray as three equal colours.
    """
    if network.channels == len(channels) == 3:
        return channels[None]
    seen = channels[:, None]
    return np.broadcast_to(seen, (len(seen), network.channels, *seen.shape[2:]))


def _check(name, value, low, high):
    is_number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}. Received: {value!r}")
