"""Choose the model that a demo serves: the published one, or the bundled one and why.

>>> served = load_served_model("owner/olivetti-denoiser", "v1.0.0", fallback="model_card")
>>> served.denoiser(image)
>>> print(served)
owner/olivetti-denoiser at 1a2b3c4, test PSNR 29.87 dB
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.model_folder import METRICS, MODEL_FILES, mean_test_psnr

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

# The page shows the figures and the plots; a repository without them serves all the same.
PATTERNS = (*MODEL_FILES, METRICS, "*.png")


@dataclass(frozen=True)
class ServedModel:
    """A denoiser and where it comes from.

    Attributes:
        denoiser: The model, ready to call.
        repository: OWNER/NAME on the Hub, or None for the bundled model.
        commit: The whole commit id, or None for the bundled model.
        psnr: Mean PSNR on the test faces in dB, or None if the model came without figures.
        reason: Why the bundled model serves; None when the published one does.
        folder: Where the model lies, with the figures and plots that came with it.
    """

    denoiser: Denoiser
    repository: str | None
    commit: str | None
    psnr: float | None
    reason: str | None
    folder: Path | None = None

    def __str__(self) -> str:
        """Return one line for the page and the log."""
        figure = "" if self.psnr is None else f", test PSNR {self.psnr:.2f} dB"
        if self.repository is None:
            return f"bundled model{figure} ({self.reason})"
        return f"{self.repository} at {self.commit[:7]}{figure}"


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
    from olivetti_denoiser.denoiser import (
        Denoiser,  # imports Keras, which a look at the figures needs not
    )

    if not model_id:
        reason = "no MODEL_ID is set"
    else:
        folder, reason = _fetch(model_id, revision or None, timeout)
        if folder is not None:
            try:
                denoiser = Denoiser.from_pretrained(folder)
                return ServedModel(
                    denoiser, model_id, folder.name, mean_test_psnr(folder), None, folder
                )
            except (OSError, ValueError) as error:
                reason = f"{model_id} does not load: {hub.first_line(error)}"
    denoiser = Denoiser.from_pretrained(fallback)
    return ServedModel(denoiser, None, None, mean_test_psnr(fallback), reason, Path(fallback))


def _fetch(model_id: str, revision: str | None, timeout: float) -> tuple[Path | None, str | None]:
    """Download in a thread of its own, since the client's retries may take minutes."""
    outcome: dict[str, object] = {}

    def work() -> None:
        try:
            outcome["folder"] = hub.download(model_id, *PATTERNS, revision=revision)
        except Exception as error:  # whatever goes wrong there, the page has to start
            outcome["reason"] = hub.first_line(error)

    thread = threading.Thread(target=work, name="model-download", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        return None, f"the Hub did not deliver {model_id} within {timeout:g} s"
    return outcome.get("folder"), outcome.get("reason")
