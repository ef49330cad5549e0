"""The page's sentences and tables: metrics in, Markdown out.

>>> gain_in_words(metrics)
'+9.5 dB: 8.9 times less noise.'
"""

from __future__ import annotations

from olivetti_denoiser.denoiser import Restored
from page.trials import MethodResult

# What visitors call the networks.
NETWORKS = {"gray": "gray network", "colour": "network for colour"}

# From which noise level on which words hold.
NOISE_WORDS = (
    (0.0, "hardly any"),
    (0.01, "a little"),
    (0.04, "clearly visible"),
    (0.08, "strong"),
    (0.16, "very strong"),
)


def gain_in_words(metrics: dict) -> str:
    """Say in a sentence what the network did to the noise.

    Noise is measured by the mean squared error, which a gain of g dB divides by 10^(g/10).
    """
    gain = metrics["gain_db"]
    if metrics["noisy"]["mse"] == 0.0:
        return "No noise was added; what changed is what the network took for noise."
    times = 10.0 ** (abs(gain) / 10.0)
    decibels = f"{gain:+.1f} dB".replace("-", "−")
    if times < 1.05:
        return f"{decibels}: hardly any difference."
    if gain < 0:
        return f"{decibels}: {times:.1f} times more error than in the noisy picture."
    return f"{decibels}: {times:.1f} times less noise."


def restored_in_words(restored: Restored, strength: float = 1.0, level_factor: float = 1.0) -> str:
    """Say how much noise a picture had, what a factor makes of it, and which network removed it.

    Args:
        restored: The result of `Denoiser.restore` for one picture.
        strength, level_factor: The arguments that `restore` was given.
    """
    sigma = float(restored.sigma)
    words = [words for level, words in NOISE_WORDS if sigma >= level] or [NOISE_WORDS[0][1]]
    said = f"Estimated noise level: σ ≈ {sigma:.3f} ({255 * sigma:.1f} of 255), {words[-1]}."
    if strength == 0.0 or level_factor == 0.0:
        return f"{said} Nothing is removed."
    if level_factor != 1.0:
        kept = "more grain stays" if level_factor < 1.0 else "the picture becomes smoother"
        used = f"Removed as if it were σ ≈ {level_factor * sigma:.3f}"
        said += f" {used} ({level_factor:g} times the estimate), so {kept}."
    return f"{said} Restored by the {NETWORKS[str(restored.network)]}."


def verdict(metrics: dict) -> str:
    """Return the gain in words and a table of both pictures' metrics, in Markdown."""
    rows = [_scores(name, metrics[name.lower()]) for name in ("Noisy", "Reconstructed")]
    return f"**{gain_in_words(metrics)}**\n\n{table(rows)}"


def caption(result: MethodResult) -> str:
    """Return a method's name, its PSNR and its time in a few words."""
    parts = [result.name, f"{result.metrics['psnr']:.2f} dB", _time(result)]
    return " · ".join(filter(None, parts))


def comparison_table(results: list[MethodResult]) -> str:
    """Return the methods' metrics and times as a table in Markdown."""
    return table([_scores(r.name, r.metrics) | {"time": _time(r) or "–"} for r in results])


def table(rows: list[dict[str, str]]) -> str:
    """Return rows of texts by their columns' names as Markdown, all but the first to the right."""
    columns = list(rows[0])
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scores(name, metrics):
    return {
        " ": name,
        "PSNR": f"{metrics['psnr']:.2f} dB",
        "SSIM": f"{metrics['ssim']:.3f}",
        "MSE": f"{metrics['mse']:.5f}",
    }


def _time(result):
    """Return the time in words, empty where nothing was done."""
    if result.milliseconds is None:
        return ""
    return f"{result.milliseconds:.1f} ms" if result.milliseconds >= 0.1 else "under 0.1 ms"
