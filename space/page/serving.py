"""Choose the models that the page serves: the published ones, or the bundled ones and why.

>>> models = load_models({"MODEL_ID": "owner/olivetti-denoiser"}, Path("model_card"))
>>> print(models.gray)
owner/olivetti-denoiser at 1a2b3c4, test PSNR 29.87 dB
>>> models.for_picture(photograph).denoiser(photograph)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from olivetti_denoiser import hub
from olivetti_denoiser.figures import gate_figure, network_of, read_metrics
from olivetti_denoiser.model_folder import (
    COLOUR,
    GRAY,
    METRICS,
    MODEL_FILES,
    PLACES,
    missing_files,
)
from olivetti_denoiser.pillow_modes import is_gray

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

# The page shows the figures and the plots; a repository without them serves all the same.
NAMES = (*MODEL_FILES, METRICS)
PATTERNS = (*(place + name for place in PLACES.values() for name in NAMES), "*.png")


@dataclass(frozen=True)
class ServedModel:
    """A denoiser and where it comes from.

    Attributes:
        denoiser: The model, ready to call.
        repository: OWNER/NAME on the Hub, or None for the bundled model.
        commit: The whole commit id, or None for the bundled model.
        figure: What it scores, in words; empty if the model came without figures.
        reason: Why the bundled model serves; None when the published one does.
        folder: Where the model lies, with the figures and plots that came with it.
    """

    denoiser: Denoiser
    repository: str | None
    commit: str | None
    figure: str
    reason: str | None
    folder: Path | None = None

    def __str__(self) -> str:
        """Return one line for the page and the log."""
        figure = f", {self.figure}" if self.figure else ""
        if self.repository is None:
            return f"bundled model{figure} ({self.reason})"
        return f"{self.repository} at {self.commit[:7]}{figure}"


@dataclass(frozen=True)
class ServedModels:
    """The gray model, and the one for colour pictures where there is one.

    Attributes:
        gray: Serves gray pictures, and colour ones plane by plane where `colour` is None.
        colour: Serves colour pictures, or None.
        reason: Why there is no colour model; None where there is one.
    """

    gray: ServedModel
    colour: ServedModel | None
    reason: str | None = None

    def for_picture(self, image: Image.Image) -> ServedModel:
        """Return the model that a picture is restored with."""
        return self.gray if self.colour is None or is_gray(image) else self.colour

    def __str__(self) -> str:
        """Return one sentence for Clean up."""
        if self.colour is None:
            return f"One network restores every colour as a gray picture ({self.reason})."
        return f"Colour pictures: {self.colour}. Gray pictures: {self.gray}."


def load_models(
    variables: Mapping[str, str], bundle: str | Path, timeout: float = 60.0
) -> ServedModels:
    """Load the gray model and, where there is one, the colour model.

    Args:
        variables: `MODEL_ID` and `MODEL_REVISION` name the repository of both on the Hub; each is
            optional, and a bundled model serves for one that the repository lacks.
        bundle: The bundled release: the gray model, with the colour model in `colour/`.
        timeout: Seconds that the Hub gets.

    Raises:
        ValueError: the bundled gray model was needed and `bundle` holds none.
    """
    if old := variables.get("COLOUR_MODEL_ID"):
        print(
            "COLOUR_MODEL_ID is not read any more: the repository of MODEL_ID brings both networks "
            f"once `denoiser publish` has put the one for colour into it. Received: {old}",
            flush=True,
        )
    download = _Download(variables.get("MODEL_ID"), variables.get("MODEL_REVISION"), timeout)
    gray = download.load(GRAY, Path(bundle))
    try:
        return ServedModels(gray, download.load(COLOUR, Path(bundle) / COLOUR))
    except ValueError as error:
        if missing_files(Path(bundle) / COLOUR):
            return ServedModels(gray, None, "no colour model is bundled")
        return ServedModels(gray, None, f"the bundled colour model: {_cause(error)}")


def figure_in_words(folder: Path) -> str:
    """Say what a model scores: a gray one on the test faces, one for colour on colour pictures.

    Args:
        folder: A model folder.

    Returns:
        A few words, or an empty text where the folder has no figures.
    """
    try:
        metrics = read_metrics(folder)
    except ValueError:
        return ""
    if metrics.get("planes") == 3:
        figure = gate_figure(metrics)
        return f"{figure.psnr:.2f} dB on {figure.pictures}" if figure else ""
    figure = gate_figure(metrics)
    return f"test PSNR {figure.psnr:.2f} dB" if figure else ""


class _Download:
    """A download in a thread of its own, since the client's retries may take minutes.

    Args:
        model_id: OWNER/NAME, or nothing to download.
        revision: Tag, branch or commit; the default branch when None or "".
        timeout: Seconds from now on that it may take.
    """

    def __init__(self, model_id: str | None, revision: str | None, timeout: float):
        self.model_id = model_id
        self._folder: Path | None = None
        self._failure: str | None = None
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._thread = threading.Thread(
            target=self._work, args=[revision or None], name="model-download", daemon=True
        )
        if model_id:
            self._thread.start()

    def load(self, network: str, fallback: Path) -> ServedModel:
        """Load a network that was downloaded, or the bundled one.

        Args:
            network: "gray" or "colour".
            fallback: The bundled model folder of this network.

        Raises:
            ValueError: the bundled model was needed and `fallback` holds none.
        """
        from olivetti_denoiser.denoiser import Denoiser

        folder, reason = self._wait(network)
        if folder is not None:
            try:
                denoiser = Denoiser.from_pretrained(folder)
                figure = figure_in_words(folder)
                return ServedModel(denoiser, self.model_id, self.commit, figure, None, folder)
            except (OSError, ValueError) as error:
                reason = f"{self.model_id} does not load: {_cause(error)}"
        denoiser = Denoiser.from_pretrained(fallback)
        return ServedModel(denoiser, None, None, figure_in_words(fallback), reason, fallback)

    @property
    def commit(self) -> str | None:
        """The commit that was downloaded, None without one."""
        return self._folder and self._folder.name

    def _wait(self, network):
        """The folder of a network, or None and why there is none."""
        if not self.model_id:
            return None, "no MODEL_ID is set"
        self._thread.join(max(0.0, self._end - time.monotonic()))
        if self._thread.is_alive():
            return None, f"the Hub did not deliver {self.model_id} within {self._timeout:g} s"
        if self._folder is None:
            return None, self._failure
        places = [self._folder, self._folder / COLOUR]  # a repository of one network has it first
        for place in places:
            if not missing_files(place) and _network(place) == network:
                return place, None
        return None, f"{self.model_id} has no {network} network"

    def _work(self, revision):
        try:
            self._folder = hub.download(self.model_id, *PATTERNS, revision=revision)
        except Exception as error:  # whatever goes wrong there, the page has to start
            self._failure = hub.first_line(error)


def _network(folder):
    """Which network a folder holds; without figures it is the one of its place."""
    try:
        return network_of(folder)
    except ValueError:
        return COLOUR if folder.name == COLOUR else GRAY


def _cause(error):
    """What is wrong, without the paths of this machine, as visitors read it."""
    return hub.first_line(error).partition(" Received:")[0].rstrip(".")
