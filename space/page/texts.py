"""The page's sentences and tables: metrics in, Markdown out.

>>> gain_in_words(metrics)
'+9.5 dB: 8.9 times less noise.'
"""

from __future__ import annotations

from olivetti_denoiser.denoiser import Restored
from olivetti_denoiser.release import Metrics
from page.trials import NETWORK, MethodResult

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
    lines = [_row(name, metrics[name.lower()]) for name in ("Noisy", "Reconstructed")]
    heading = ["| | PSNR | SSIM | MSE |", "|---|---:|---:|---:|"]
    return "\n".join([f"**{gain_in_words(metrics)}**", "", *heading, *lines])


def caption(result: MethodResult) -> str:
    """Return a method's name, its PSNR and its time in a few words."""
    parts = [result.name, f"{result.metrics['psnr']:.2f} dB", _time(result)]
    return " · ".join(filter(None, parts))


def comparison_table(results: list[MethodResult]) -> str:
    """Return the methods' metrics and times as a table in Markdown."""
    lines = ["| | PSNR | SSIM | MSE | time |", "|---|---:|---:|---:|---:|"]
    for result in results:
        lines.append(f"{_row(result.name, result.metrics)} {_time(result) or '–'} |")
    return "\n".join(lines)


def released_table(metrics: Metrics) -> str:
    """Return the released model's metrics on the test faces as a table in Markdown.

    Args:
        metrics: The content of `metrics.json`.

    Raises:
        KeyError: It does not hold the metrics of the test faces.
    """
    test = metrics["parts"]["test"]
    methods, names = test["methods"], {"noisy": "Noisy", "model": NETWORK}
    lines = [
        f"Means over the {test['count']} test faces at σ = {metrics['sigma']:g}, PSNR with its "
        "95 % interval.",
        "",
        "| | PSNR, dB | SSIM | MSE |",
        "|---|---:|---:|---:|",
    ]
    for name in sorted(methods, key=lambda name: -methods[name]["psnr"]["mean"]):
        psnr, ssim, mse = (methods[name][measure] for measure in ("psnr", "ssim", "mse"))
        lines.append(
            f"| {names.get(name, name)} | {psnr['mean']:.2f} ({psnr['low']:.2f}–"
            f"{psnr['high']:.2f}) | {ssim['mean']:.3f} | {mse['mean']:.5f} |"
        )
    return "\n".join(lines)


def _row(name, metrics):
    return f"| {name} | {metrics['psnr']:.2f} dB | {metrics['ssim']:.3f} | {metrics['mse']:.5f} |"


def _time(result):
    """Return the time in words, empty where nothing was done."""
    if result.milliseconds is None:
        return ""
    return f"{result.milliseconds:.1f} ms" if result.milliseconds >= 0.1 else "under 0.1 ms"
