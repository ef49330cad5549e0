"""Choose the networks that the page serves: the published ones, or the built-in ones and why.

>>> served = load_networks(os.environ, Path("model_card"))
>>> served.denoiser(image)
>>> print(served.words)
owner/olivetti-denoiser at 1a2b3c4, 30.17 dB on the test faces
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from olivetti_denoiser import hub
from olivetti_denoiser.denoiser import DOWNLOADED, Denoiser, load_folder
from olivetti_denoiser.release import (
    GRAY,
    METRICS,
    ONNX,
    PLACES,
    gate_score,
    network_of,
    read_metrics,
)
from page.texts import NETWORKS

# The page shows the figures and the plots; a repository without them serves all the same.
PATTERNS = (*DOWNLOADED, *(place + METRICS for place in PLACES.values()), "*.png")


@dataclass(frozen=True)
class Served:
    """What serves, and where it comes from.

    Attributes:
        denoiser: Both networks, where there are two.
        words: What serves, for visitors: a part of a sentence.
        repository: OWNER/NAME on the Hub, or None for the built-in networks.
        folder: The model folder of the gray network, with the figures and plots that came with it;
            None where there are none.
    """

    denoiser: Denoiser
    words: str
    repository: str | None
    folder: Path | None


def load_networks(variables: Mapping[str, str], bundle: str | Path, seconds: float) -> Served:
    """Load the published networks, or the built-in ones when the Hub does not help in good time.

    Args:
        variables: `MODEL_ID` and `MODEL_REVISION` name the repository on the Hub; each is optional.
            A built-in network joins the one of a repository that holds only one.
        bundle: The built-in release.
        seconds: How long the Hub gets.

    Raises:
        ValueError: a built-in network was needed and `bundle` holds none.
    """
    if old := variables.get("COLOUR_MODEL_ID"):
        print(
            "COLOUR_MODEL_ID is not read any more: the repository of MODEL_ID brings both networks "
            f"once `denoiser publish` has put the one for colour into it. Received: {old}",
            flush=True,
        )
    reason, repository = "", variables.get("MODEL_ID")
    if repository:
        try:
            folder = _download(repository, variables.get("MODEL_REVISION") or None, seconds)
            return _published(repository, folder, Path(bundle))
        except (OSError, ValueError) as error:
            cause = hub.first_line(error).partition(" Received:")[0].rstrip(".")
            reason = f" ({cause})"  # without the paths of this machine, as visitors read it
    denoiser, folders = load_folder(bundle), _folders(Path(bundle))
    words = f"the built-in networks{_figure(folders, GRAY)}{reason}"
    return Served(denoiser, words, None, folders.get(GRAY))


def _download(repository, revision, seconds):
    """Return the folder of a downloaded release; the client's retries alone may take minutes."""
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def work():
        try:
            answers.put(hub.download(repository, *PATTERNS, revision=revision))
        except Exception as error:  # whatever goes wrong there, the page has to start
            answers.put(OSError(hub.first_line(error)))

    threading.Thread(target=work, name="model-download", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"the Hub did not deliver {repository} within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _published(repository, folder, bundle):
    """Return what a downloaded release serves, with a built-in network for one that it lacks."""
    if not any((folder / place / ONNX).is_dir() for place in PLACES.values()):
        raise ValueError(
            f"{repository} holds no {ONNX}/, which this page runs; publishing its networks again "
            "writes it"
        )
    try:
        denoiser = load_folder(folder)
    except ValueError as error:
        raise ValueError(f"{repository} does not load: {error}") from None
    folders, own = _folders(folder), next(iter(denoiser.networks))
    words = f"{repository} at {folder.name[:7]}{_figure(folders, own)}"
    if len(denoiser.networks) == 1:
        other = load_folder(bundle)
        (missing,) = NETWORKS.keys() - {own}
        words += f", with the built-in {NETWORKS[missing]}"
        denoiser = Denoiser(*denoiser.networks.values(), *other.networks.values())
        folders = _folders(bundle) | folders
    return Served(denoiser, words, repository, folders.get(GRAY))


def _folders(release):
    """Return the model folder of each network that has figures, by "gray" and "colour"."""
    folders: dict[str, Path] = {}
    for place in PLACES.values():
        with contextlib.suppress(ValueError):
            folders.setdefault(network_of(release / place), release / place)
    return folders


def _figure(folders, network):
    """Say what a network scores, or nothing where it has no figures."""
    figure = gate_score(read_metrics(folders[network])) if network in folders else None
    return f", {figure.psnr:.2f} dB on {figure.pictures}" if figure else ""
