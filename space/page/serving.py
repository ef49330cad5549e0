"""Choose the models that the page serves: the published ones, or the bundled ones and why.

>>> served = load_served_model("owner/olivetti-denoiser", "v1.0.0", fallback="model_card")
>>> served.denoiser(image)
>>> print(served)
owner/olivetti-denoiser at 1a2b3c4, test PSNR 29.87 dB
>>> models = load_models(os.environ, Path("model_card"))    # the gray one, and one for colour
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
from olivetti_denoiser.figures import gate_figure, mean_test_psnr, read_metrics
from olivetti_denoiser.model_folder import METRICS, MODEL_FILES, missing_files
from olivetti_denoiser.pillow_modes import is_gray

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

# The page shows the figures and the plots; a repository without them serves all the same.
PATTERNS = (*MODEL_FILES, METRICS, "*.png")
COLOUR = "colour"  # the folder of the colour model inside that of the gray one


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


def load_served_model(
    model_id: str | None,
    revision: str | None = None,
    *,
    fallback: str | Path,
    timeout: float = 60.0,
) -> ServedModel:
    """Load the published model, or the bundled one when the Hub does not help in good time.

    Args:
        model_id: OWNER/NAME of the published model; None or "" serves the bundled one.
        revision: Tag, branch or commit; the default branch when None or "".
        fallback: The bundled model folder.
        timeout: Seconds that the Hub gets before the bundled model takes its place.

    Returns:
        The denoiser with the record of what is served. It never raises because of the Hub.

    Raises:
        ValueError: the bundled model was needed and `fallback` holds none.
    """
    return _Download(model_id, revision, timeout).load(Path(fallback), "no MODEL_ID is set")


def load_models(
    variables: Mapping[str, str], bundle: str | Path, timeout: float = 60.0
) -> ServedModels:
    """Load the gray model and, where there is one, the colour model.

    Args:
        variables: `MODEL_ID` and `MODEL_REVISION`, `COLOUR_MODEL_ID` and `COLOUR_MODEL_REVISION`
            name them on the Hub; each is optional.
        bundle: The bundled gray model folder; `colour/` in it holds the colour model.
        timeout: Seconds that the Hub gets for both together.

    Raises:
        ValueError: the bundled gray model was needed and `bundle` holds none.
    """
    gray, colour = (
        _Download(variables.get(f"{name}_ID"), variables.get(f"{name}_REVISION"), timeout)
        for name in ("MODEL", "COLOUR_MODEL")
    )
    served = gray.load(Path(bundle), "no MODEL_ID is set")
    folder = Path(bundle) / COLOUR
    if not colour.model_id and missing_files(folder):
        return ServedModels(served, None, "no colour model is bundled")
    try:
        return ServedModels(served, colour.load(folder, "no COLOUR_MODEL_ID is set"))
    except ValueError as error:
        reason = colour.reason if colour.model_id else f"the bundled colour model: {_cause(error)}"
        return ServedModels(served, None, reason)


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
    psnr = mean_test_psnr(folder)
    return "" if psnr is None else f"test PSNR {psnr:.2f} dB"


class _Download:
    """A download in a thread of its own, since the client's retries may take minutes.

    Args:
        model_id: OWNER/NAME, or nothing to download.
        revision: Tag, branch or commit; the default branch when None or "".
        timeout: Seconds from now on that it may take.
    """

    def __init__(self, model_id: str | None, revision: str | None, timeout: float):
        self.model_id = model_id
        self.reason: str | None = None
        self._folder: Path | None = None
        self._failure: str | None = None
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._thread = threading.Thread(
            target=self._work, args=[revision or None], name="model-download", daemon=True
        )
        if model_id:
            self._thread.start()

    def load(self, fallback: Path, unset: str) -> ServedModel:
        """Load what was downloaded, or the bundled model.

        Args:
            fallback: The bundled model folder.
            unset: What to say where no model was asked for.

        Raises:
            ValueError: the bundled model was needed and `fallback` holds none.
        """
        from olivetti_denoiser.denoiser import Denoiser

        folder = self._wait(unset)
        if folder is not None:
            try:
                denoiser = Denoiser.from_pretrained(folder)
                figure = figure_in_words(folder)
                return ServedModel(denoiser, self.model_id, folder.name, figure, None, folder)
            except (OSError, ValueError) as error:
                self.reason = f"{self.model_id} does not load: {_cause(error)}"
        denoiser = Denoiser.from_pretrained(fallback)
        return ServedModel(denoiser, None, None, figure_in_words(fallback), self.reason, fallback)

    def _wait(self, unset):
        """The folder; without one `reason` says why."""
        if not self.model_id:
            self.reason = unset
            return None
        self._thread.join(max(0.0, self._end - time.monotonic()))
        if self._thread.is_alive():
            self.reason = f"the Hub did not deliver {self.model_id} within {self._timeout:g} s"
            return None
        self.reason = self._failure
        return self._folder

    def _work(self, revision):
        try:
            self._folder = hub.download(self.model_id, *PATTERNS, revision=revision)
        except Exception as error:  # whatever goes wrong there, the page has to start
            self._failure = hub.first_line(error)


def _cause(error):
    """What is wrong, without the paths of this machine, as visitors read it."""
    return hub.first_line(error).partition(" Received:")[0].rstrip(".")
