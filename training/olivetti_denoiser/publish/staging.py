"""The files of a publication, made and checked before the Hub is touched.

>>> stage = Stage(Path("model_card"), {"model": "owner/olivetti-denoiser"}, work)
>>> stage.compose(parent=None)
>>> print(stage.listing())

A repository holds both networks, the gray one at its root and the one for colour in `colour/`. A
folder replaces what it holds; the other network stays as it is published, and where none is, the
bundled one is published too.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.publish.card import render_card
from olivetti_denoiser.publish.dataset import dataset_files, refuse_another_split, split_of
from olivetti_denoiser.publish.space_files import (
    AUTO,
    GRADIO,
    STATIC,
    example_faces,
    gradio_files,
    static_files,
)
from olivetti_denoiser.release import (
    CARD,
    COLOUR,
    CONFIG,
    GRAY,
    LEGACY_MODEL,
    METRICS,
    MODEL_FILES,
    NETWORK,
    ONNX_FILES,
    PLACES,
    files_of,
    gate_score,
    network_of,
    networks_of,
    pointers_of,
    read_metrics,
)

NEEDED = (*MODEL_FILES, METRICS, CONFIG)
STAYS = (*ONNX_FILES, NETWORK, METRICS, CONFIG)  # what a published network needs to stay
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")


class Stage:
    """Every file that will be published.

    Args:
        folder: A model folder, or a release with `colour/` in it.
        names: OWNER/NAME of each kind of repository that will be published.
        work: An empty folder for the files that have to be made.
        space_sdk: "gradio", "static", or "auto" for both, of which the Hub decides.

    Attributes:
        networks: The networks of the folder, which replace the published ones.
        added: The networks that are uploaded: those, and bundled ones where there are none.
        expected: What each of their folders makes of a noisy picture.
        files: Where the files of each kind of repository lie, by their path in it.
        spaces: The same for each kind of Space.
        no_static: Why there is no static Space to take.

    Raises:
        ValueError: something is missing or wrong.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], work: Path, space_sdk: str = AUTO):
        self.names, self.space_sdk = names, space_sdk
        self._work, self._faces = work, {}
        self.networks = check_release(folder)
        self.added: dict[str, Path] = {}
        self.expected: dict[Path, np.ndarray] = {}
        self.files: dict[str, dict[str, Path]] = {}
        self.spaces: dict[str, dict[str, Path]] = {}
        self.no_static = ""
        metrics = read_metrics(self.networks.get(GRAY, folder))
        checksum = metrics.get("split_checksum")
        if "dataset" in names:
            refuse_another_split(checksum)
        if "dataset" in names or "space" in names:
            self.split = split_of(checksum, names.get("dataset"))
        if "dataset" in names:
            self.files["dataset"] = dataset_files(self.split, names, work / "dataset")
        if "space" in names:
            self._faces = example_faces(self.split, work / "faces")
        self._refuse_tokens()

    def compose(self, parent: Path | None) -> None:
        """Make the files of the model and of the Space.

        Args:
            parent: What is published of the model: the small files, the ONNX files and the plots of
                the newest commit. None or an empty folder where nothing is.

        Raises:
            ValueError: the networks cannot stand beside each other, or a file is wrong.
        """
        stay = published_networks(parent, self.names["model"]) if parent else {}
        stay = {network: folder for network, folder in stay.items() if network not in self.networks}
        for network, folder in stay.items():
            if lost := [name for name in STAYS if not (folder / name).is_file()]:
                raise ValueError(
                    f"the {network} network that {self.names['model']} would keep lacks "
                    f"{', '.join(lost)}: publish one network of each kind in one folder, such as "
                    f"model_card, or `denoiser export` a copy of it. "
                    f"Received: a folder without a {network} network"
                )
        self.added = dict(self.networks)
        if PLACES.keys() - {*self.networks, *stay}:
            brought = check_release(bundled("model_card"))
            self.added = {n: p for n, p in brought.items() if n not in stay} | self.added
        for folder in {*self.added.values()} - self.expected.keys():
            self.expected[folder] = restored(folder)
        networks = {**self.added, **stay}
        work = self._work / f"composed-{len(list(self._work.iterdir()))}"
        work.mkdir()
        model = {
            PLACES[network] + path: source
            for network, folder in self.added.items()
            for path, source in files_of(folder).items()
        }
        for network in (GRAY, *({COLOUR} & self.added.keys())):
            card = render_card(
                networks[network],
                self.names["model"],
                self.names.get("dataset"),
                networks.get(COLOUR) if network == GRAY else None,
            )
            model[PLACES[network] + CARD] = work / f"{network}.md"
            model[PLACES[network] + CARD].write_text(card, encoding="utf-8")
        self.files["model"] = model
        if "space" in self.names:
            self._compose_spaces(networks, work)
        self._refuse_tokens()

    def _compose_spaces(self, networks, work):
        if self.space_sdk in (GRADIO, AUTO):
            self.spaces[GRADIO] = gradio_files(networks, self._faces, self.names, work / GRADIO)
        if self.space_sdk in (STATIC, AUTO):
            try:
                self.spaces[STATIC] = static_files(networks, self._faces, self.names, work / STATIC)
            except ValueError as error:
                if self.space_sdk == STATIC:
                    raise
                self.no_static = str(error)

    def folder(self, kind: str, sdk: str | None = None) -> Path:
        """Lay a repository's files out as they will lie in it, and return the folder.

        Args:
            kind: "model", "dataset" or "space".
            sdk: Kind of the Space.

        Raises:
            ValueError: it is a static Space, and could not be made.
        """
        if kind == "space" and sdk not in self.spaces:
            raise ValueError(self.no_static)
        files = self.spaces[sdk] if kind == "space" else self.files[kind]
        target = self._work / f"laid-out-{kind}"
        shutil.rmtree(target, ignore_errors=True)
        for path, source in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / path)
        return target

    def stays(self, path: str) -> bool:
        """Tell whether a published file of the model belongs to the network that stays."""
        network = COLOUR if path.startswith(PLACES[COLOUR]) else GRAY
        return network not in self.added

    def listing(self) -> str:
        """Return every file with its size, one line each, under its repository's name."""
        lines = []
        for kind, name in self.names.items():
            spaces = next(iter(self.spaces.values()), {})
            files = spaces if kind == "space" else self.files.get(kind, {})
            sizes = {path: source.stat().st_size for path, source in files.items()}
            lines.append(f"{kind} {name}: {len(files)} files, {sum(sizes.values()):,} bytes")
            lines += [f"  {sizes[path]:>10,}  {path}" for path in sorted(files)]
            for network in [n for n in self.added if kind == "model" and n not in self.networks]:
                lines.append(
                    f"  the {network} network is the bundled one, for a repository without: one "
                    "that is published stays"
                )
            if kind == "space" and {GRADIO, STATIC} <= self.spaces.keys():
                count = len(self.spaces[STATIC])
                lines.append(f"  or, as a static Space: {count} files; the Hub decides which")
        return "\n".join(lines)

    def _refuse_tokens(self) -> None:
        from huggingface_hub import errors, get_token

        try:
            known = get_token()
        except errors.OIDCError as error:
            raise PermissionError(
                f"no token for HF_OIDC_RESOURCE: {hub.first_line(error)}"
            ) from None
        spaces = [("space", files) for files in self.spaces.values()]
        for kind, files in [*self.files.items(), *spaces]:
            for path, source in files.items():
                content = source.read_bytes()
                if (known and known.encode() in content) or hub.TOKEN.search(
                    content.decode("latin-1")
                ):
                    raise ValueError(
                        f"a file to publish holds an access token. Received: {kind} {path}"
                    )


def check_release(folder: Path) -> dict[str, Path]:
    """Return the model folder of each network of a release that can be published.

    Args:
        folder: The release.

    Raises:
        ValueError: a file is missing or none, a card shows a missing picture, or the figures hold
            none to judge a network by.
    """
    _check_whole(folder, NEEDED)
    networks = networks_of(folder)
    for network, place in networks.items():
        _check_whole(place, NEEDED)
        exported = (*ONNX_FILES, LEGACY_MODEL) if network == GRAY else ONNX_FILES
        if missing := [name for name in exported if not (place / name).is_file()]:
            raise ValueError(
                f"{', '.join(missing)} missing: `denoiser export {place}` writes them, with Keras "
                f"installed. Received: {place}"
            )
        if pointers := pointers_of(place):
            raise ValueError(
                f"{', '.join(pointers)} are pointers of git-lfs, not the files that they stand "
                f"for; `git lfs pull` fetches these. Received: {place}"
            )
        if gate_score(read_metrics(place)) is None:
            raise ValueError(f"{METRICS} holds no PSNR to judge the model by. Received: {place}")
        links = [first or second for first, second in PICTURE.findall(render_card(place))]
        if lost := [link for link in links if "://" not in link and not (place / link).is_file()]:
            raise ValueError(
                f"{CARD} shows pictures that are not there. Received: {', '.join(lost)}"
            )
    return networks


def published_networks(parent: Path, name: str) -> dict[str, Path]:
    """Return the model folder of each network that a published release holds.

    Args:
        parent: The small files of the published release.
        name: OWNER/NAME, for messages.

    Raises:
        ValueError: its root holds a network for colour, as repositories of one network did.
    """
    found = {
        network: parent / place
        for network, place in PLACES.items()
        if any((parent / place / file).is_file() for file in (NETWORK, METRICS))
    }
    with contextlib.suppress(ValueError):  # without figures: the gate has to say what that means
        if GRAY in found and network_of(parent) == COLOUR:
            found[COLOUR] = found.pop(GRAY)
    if found.get(COLOUR) == parent:
        raise ValueError(
            "its root holds a network for colour, and who opens it by that name would get another: "
            "publish to the repository of the gray network, which takes both, or to a new one. "
            f"Received: --model {name}"
        )
    return found


def restored(folder: Path) -> np.ndarray:
    """Restore a noisy picture with a network, to be compared with another copy of it.

    Raises:
        ValueError: the network cannot be loaded.
    """
    from olivetti_denoiser.denoiser import Denoiser

    picture = np.random.RandomState(0).rand(64, 64).astype(np.float32)
    return Denoiser.from_pretrained(folder)(picture)


def _check_whole(folder, needed):
    if missing := [name for name in needed if not (folder / name).is_file()]:
        raise ValueError(
            f"a folder to publish needs {', '.join(needed)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
