"""The files of a publication, made and checked before the Hub is touched.

>>> stage = Stage(Path("model_card"), {"model": "owner/olivetti-denoiser"}, work)
>>> stage.compose({})
>>> print(stage.listing())

A repository holds both networks, the gray one at its root and the one for colour in `colour/`. A
folder replaces the networks that it holds. The other network stays as it is published; where it is
not published yet, the bundled one is published too.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from olivetti_denoiser import hub, release
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.publish.card import card_of
from olivetti_denoiser.publish.dataset import split_of, write_dataset
from olivetti_denoiser.publish.space_files import copy_network, write_space
from olivetti_denoiser.release import (
    COLOUR,
    GRAY,
    Released,
    gate_score,
    network_of,
    networks_of,
    read_metrics,
)

KEPT = (*release.ONNX_FILES, release.NETWORK, release.METRICS, release.CONFIG)  # of one that stays
NEEDED = (*KEPT, *release.MODEL_FILES, release.CURVES, release.COMPARISON, release.LEVELS)
OWN = {GRAY: (release.LEGACY_MODEL, release.ERRORS), COLOUR: (release.REAL,)}  # of one network


class Stage:
    """Every file that will be published, in a folder for each repository.

    Args:
        folder: A model folder, or a release with `colour/` in it.
        names: OWNER/NAME of each kind of repository that will be published.
        work: An empty folder for the files.

    Attributes:
        networks: The networks of the folder, which replace the published ones.
        added: The networks that are uploaded: those of the folder, and the bundled network where
            the published release lacks the other one.
        folders: The folder of each kind of repository.

    Raises:
        ValueError: Something is missing or wrong.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], work: Path):
        self.names, self._work = names, work
        self.networks = check_release(folder)
        self.added: dict[str, Released] = {}
        self.folders: dict[str, Path] = {}
        checksum = next(iter(self.networks.values())).metrics.get("split_checksum")
        if names.keys() - {"model"}:
            self._split = split_of(checksum, names.get("dataset"))
        if "dataset" in names:
            self.folders["dataset"] = write_dataset(self._split, names, work / "dataset")

    def compose(self, published: Mapping[str, Released]) -> None:
        """Write the files of the model repository.

        Args:
            published: The networks that are published now, see `published_networks`.

        Raises:
            ValueError: The networks cannot stand beside each other, or a file is wrong.
        """
        stay = {name: published[name] for name in published.keys() - self.networks.keys()}
        for name, network in stay.items():
            if lost := [file for file in KEPT if not (network.folder / file).is_file()]:
                raise ValueError(
                    f"the {name} network that {self.names['model']} would keep lacks "
                    f"{', '.join(lost)}: publish one network of each kind in one folder, such as "
                    f"model_card, or `denoiser export` a copy of it. "
                    f"Received: a folder without a {name} network"
                )
        self.added = dict(self.networks)
        if release.PLACES.keys() - {*self.networks, *stay}:
            bundle = check_release(bundled("model_card"))
            self.added = {n: bundle[n] for n in bundle.keys() - stay.keys()} | self.added
        self._networks = {**self.added, **stay}
        folder = self._new_folder("model")
        for name, network in self.added.items():
            copy_network(network.folder, folder / release.PLACES[name])
        for name in {GRAY, *self.added}:  # the gray network's card shows both
            colour = self._networks[COLOUR] if name == GRAY else None
            repositories = (self.names["model"], self.names.get("dataset"))
            text = card_of(self._networks[name], *repositories, colour)
            (folder / release.PLACES[name] / release.CARD).write_text(text, encoding="utf-8")
        self._refuse_tokens()

    def compose_space(self, sdk: str) -> None:
        """Write the files of the Space, with the networks of the model repository, in a folder."""
        folder = self._new_folder("space")
        write_space(sdk, self._networks, self._split, self.names, folder)
        self._refuse_tokens()

    def stays(self, kind: str, path: str) -> bool:
        """Tell whether a published file stays that is not among the files of its repository.

        A dataset keeps such files, a model those of the network that stays, a Space none.
        """
        network = COLOUR if path.startswith(release.PLACES[COLOUR]) else GRAY
        return kind == "dataset" or (kind == "model" and network not in self.added)

    def listing(self) -> str:
        """Return every file with its size, one line each, under its repository's name."""
        lines = []
        for kind, folder in self.folders.items():
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            sizes = [path.stat().st_size for path in files]
            lines.append(f"{kind} {self.names[kind]}: {len(files)} files, {sum(sizes):,} bytes")
            for path, size in zip(files, sizes, strict=True):
                lines.append(f"  {size:>10,}  {path.relative_to(folder).as_posix()}")
        for name in self.added.keys() - self.networks.keys():
            lines.append(
                f"the {name} network is the bundled one, for a repository without: a published "
                f"{name} network stays"
            )
        return "\n".join(lines)

    def _new_folder(self, kind):
        folder = self.folders[kind] = self._work / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _refuse_tokens(self) -> None:
        for kind, folder in self.folders.items():
            for path in filter(Path.is_file, folder.rglob("*")):
                if hub.TOKEN.search(path.read_bytes().decode("latin-1")):
                    raise ValueError(
                        "a file to publish holds an access token. "
                        f"Received: {kind} {path.relative_to(folder).as_posix()}"
                    )


def check_release(folder: Path) -> dict[str, Released]:
    """Return the networks of a release that can be published.

    Args:
        folder: The release.

    Raises:
        ValueError: A file is missing or cannot be loaded, or the metrics have no score to judge a
            network by.
    """
    networks = networks_of(folder)
    for name, (place, metrics) in networks.items():
        needed = (*NEEDED, *OWN[name])
        if missing := [file for file in needed if not (place / file).is_file()]:
            raise ValueError(
                f"{', '.join(missing)} missing. `denoiser train` and `denoiser evaluate --save` "
                f"write a whole model folder, and `denoiser export {place}` what is made of its "
                f"weights, with Keras installed. Received: {place}"
            )
        restored(place)
        if gate_score(metrics) is None:
            raise ValueError(
                f"{release.METRICS} holds no PSNR to judge the model by. Received: {place}"
            )
    return networks


def published_networks(parent: Path, name: str) -> dict[str, Released]:
    """Return the networks that a published release holds; metrics that cannot be read are empty.

    Args:
        parent: The metrics, ONNX files and plots of the published release.
        name: OWNER/NAME, for messages.

    Raises:
        ValueError: Its root holds a network for colour, as repositories of one network did.
    """
    found = {}
    for network, place in release.PLACES.items():
        if any((parent / place / file).is_file() for file in (release.NETWORK, release.METRICS)):
            try:
                metrics = read_metrics(parent / place)
            except ValueError:
                metrics = cast(release.Metrics, {})
            found[network] = Released(parent / place, metrics)
    if GRAY in found and network_of(found[GRAY].metrics) == COLOUR:
        raise ValueError(
            "its root holds a network for colour, and who opens it by that name would get another: "
            "publish to the repository of the gray network, which takes both, or to a new one. "
            f"Received: --model {name}"
        )
    return found


def restored(folder: Path) -> np.ndarray:
    """Restore a noisy picture with the network of a folder, to be compared with a copy of it.

    Raises:
        ValueError: The network cannot be loaded.
    """
    picture = np.random.RandomState(0).rand(64, 64).astype(np.float32)
    return Denoiser.from_pretrained(folder)(picture)
