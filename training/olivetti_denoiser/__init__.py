"""Train, evaluate, publish and use Residual U-Nets that remove noise from pictures.

    >>> from olivetti_denoiser import Denoiser
    >>> denoiser = Denoiser.from_pretrained("OWNER/olivetti-denoiser")      # doctest: +SKIP

`Denoiser` is imported at its first use, so that `import olivetti_denoiser` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

__all__ = ["Denoiser", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "Denoiser":
        from olivetti_denoiser.denoiser import Denoiser

        return Denoiser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
