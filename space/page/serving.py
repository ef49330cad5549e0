"""Choose the networks that the page serves: the published ones, or the built-in ones and why.

>>> served = load_networks(os.environ, Path("model_card"))
>>> served.denoiser(image)
>>> print(served.words)
owner/olivetti-denoiser at 1a2b3c4, 30.17 dB on the test faces
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from olivetti_denoiser import hub
from olivetti_denoiser.denoiser import DOWNLOADED, Denoiser, load_folder
from olivetti_denoiser.release import GRAY, METRICS, PLACES, Released, gate_score, networks_of
from page.texts import NETWORKS

# The page shows the metrics and the plots; a repository without them serves all the same.
PATTERNS = (*DOWNLOADED, *(place + METRICS for place in PLACES.values()), "*.png")


@dataclass(frozen=True)
class Served:
    """The networks that serve, and where they come from.

    Attributes:
        denoiser: Both networks, where there are two.
        words: The networks in words for visitors: a part of a sentence.
        repository: OWNER/NAME on the Hub, or None for the built-in networks.
        gray: The metrics of the gray network, and the folder with its plots; None where it came
            without metrics.
    """

    denoiser: Denoiser
    words: str
    repository: str | None
    gray: Released | None


def load_networks(
    variables: Mapping[str, str], bundle: str | Path, seconds: float = 20.0
) -> Served:
    """Load the published networks, or the built-in ones when the Hub does not help in good time.

    Args:
        variables: `MODEL_ID` and `MODEL_REVISION` name the repository on the Hub; each is optional.
            A built-in network joins the one of a repository that holds only one.
        bundle: The built-in release.
        seconds: How long the Hub gets; then the built-in networks serve.

    Raises:
        ValueError: `bundle` holds no network.
    """
    built_in, reason = load_folder(bundle), ""
    released, repository = _released(bundle), variables.get("MODEL_ID")
    if repository:
        try:
            folder = _download(repository, variables.get("MODEL_REVISION") or None, seconds)
            published = _load(repository, folder)
        except (OSError, ValueError) as error:
            reason = f" ({hub.first_line(error).partition(' Received:')[0].rstrip('.')})"
        else:
            first = next(iter(published.networks))
            downloaded = _released(folder)
            words = f"{repository} at {folder.name[:7]}{_score(downloaded, first)}"
            for missing in built_in.networks.keys() - published.networks.keys():
                words += f", with the built-in {NETWORKS[missing]}"
            both = Denoiser(*published.networks.values(), *built_in.networks.values())
            source = downloaded if GRAY in published.networks else released
            return Served(both, words, repository, source.get(GRAY))
    words = f"the built-in networks{_score(released, GRAY)}{reason}"
    return Served(built_in, words, None, released.get(GRAY))


def _download(repository, revision, seconds):
    """Return the folder of a downloaded release; the client's retries alone may take minutes."""
    answer: Future[Path] = Future()

    def work():
        try:
            answer.set_result(hub.download(repository, *PATTERNS, revision=revision))
        except Exception as error:  # whatever goes wrong there, the page has to start
            answer.set_exception(OSError(hub.first_line(error)))

    threading.Thread(target=work, name="model-download", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"the Hub did not deliver {repository} within {seconds:g} s") from None


def _load(repository, folder):
    """Load a downloaded release; an error names no path of this machine, as visitors read it."""
    try:
        return load_folder(folder)
    except ValueError as error:
        cause = str(error).replace(str(folder), repository)
        raise ValueError(f"{repository} does not load: {cause}") from None


def _released(release):
    """Return the networks of a release that came with metrics, by "gray" and "colour"."""
    try:
        return networks_of(release)
    except ValueError:
        return {}


def _score(released, network):
    """Return what a network scores in words, or nothing where it has no metrics."""
    score = gate_score(released[network].metrics) if network in released else None
    return f", {score.psnr:.2f} dB on {score.pictures}" if score else ""
