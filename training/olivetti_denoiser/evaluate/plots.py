"""The plots of a model folder: losses, pictures before and after, PSNR against sigma, errors.

>>> loss_curves(history, "loss_curves.png")
>>> comparison_grid(clean, noisy, restored, "comparison.png")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olivetti_denoiser.evaluate.plot_style import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    decorate,
    new_figure,
    picture_grid,
    plain_log_ticks,
    save_figure,
)
from olivetti_denoiser.metrics import psnr, ssim
from olivetti_denoiser.release import COMPARISON, CURVES, ERRORS, LEVELS, MODEL, NOISY, Metrics

# Lines of the model, in front, and of its input; the other methods take the colours and markers.
OWN_LINES: dict[str, dict[str, Any]] = {
    MODEL: {"color": VERMILION, "marker": "o", "linewidth": 2.6, "zorder": 5},
    NOISY: {"color": "#888888", "marker": ".", "linewidth": 1.6, "linestyle": "--"},
}
COLOURS = (BLUE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#8C6D1F")
MARKERS = ("s", "^", "D", "v", "P", "X", "<")


def draw_plots(
    folder: str | Path,
    history: Sequence[Mapping],
    metrics: Metrics,
    pictures: Mapping[str, np.ndarray],
) -> None:
    """Draw every plot of a gray model folder; of a colour one, those that show no faces.

    Args:
        folder: Where the PNG files go.
        history: One row an epoch, see `loss_curves`.
        metrics: The metrics, see `plot_sigmas`.
        pictures: `clean`, `noisy` and `restored` test faces, N×64×64×1, and their `face_id`.
    """
    folder = Path(folder)
    loss_curves(history, folder / CURVES)
    plot_sigmas(metrics, folder / LEVELS)
    if metrics.get("planes") == 3:
        return
    clean, noisy, restored = (pictures[name] for name in ("clean", "noisy", "restored"))
    comparison_grid(clean, noisy, restored, folder / COMPARISON, names=pictures["face_id"])
    error_map(clean, restored, folder / ERRORS)


def plot_sigmas(metrics: Metrics, path: str | Path) -> None:
    """Draw PSNR against sigma: on faces, for a colour model on the set with the most methods.

    Args:
        metrics: The metrics, of which the methods are drawn: the variants of the model lie within
            a line's width of it.
        path: PNG file to write.
    """
    sets = metrics.get("colour", {})
    if not sets or metrics.get("planes") == 1:
        psnr_against_sigma(metrics["sigmas"]["methods"], path)
        return
    name = max(sets, key=lambda name: len(sets[name]["psnr"]["methods"]))
    curves = {
        method: {float(sigma) / 255: value for sigma, value in row.items()}
        for method, row in sets[name]["psnr"]["methods"].items()
    }
    psnr_against_sigma(curves, path, on=f"{name}, in colour")


def loss_curves(history: Sequence[Mapping], path: str | Path) -> None:
    """Draw training and validation loss, and validation PSNR, with the best epoch marked.

    Args:
        history: One mapping an epoch with `epoch`, `restored_loss`, `val_restored_loss` and
            `val_psnr`.
        path: PNG file to write.
    """
    epochs, training, validation, decibels = (
        np.array([row[name] for row in history], float)
        for name in ("epoch", "restored_loss", "val_restored_loss", "val_psnr")
    )
    figure = new_figure(9.6, 3.6)
    losses, scores = figure.subplots(1, 2)
    marker = {"marker": "o", "markersize": 3.5} if len(history) < 30 else {}
    losses.plot(epochs, training, color=BLUE, linestyle="--", label="training", **marker)
    losses.plot(epochs, validation, color=VERMILION, label="validation", **marker)
    scores.plot(epochs, decibels, color=VERMILION, label="validation", **marker)
    decorate(losses, "Loss of the restored faces", "epoch", "loss (log scale)")
    decorate(scores, "PSNR of the validation faces", "epoch", "PSNR in dB")
    losses.set_yscale("log")
    plain_log_ticks(losses)
    best = int(np.argmin(validation))
    for axes, values, unit in ((losses, validation, ""), (scores, decibels, " dB")):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.axvline(epochs[best], color=MUTED, linewidth=0.8, linestyle=":")
        label = f"best epoch: {epochs[best]:g} ({values[best]:.4g}{unit})"
        star = {"marker": "*", "markersize": 11, "linestyle": "none"}
        axes.plot(epochs[best], values[best], color=INK, label=label, **star)
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    save_figure(figure, path)


def comparison_grid(
    clean: np.ndarray,
    noisy: np.ndarray,
    restored: np.ndarray,
    path: str | Path,
    *,
    names: Sequence | np.ndarray,
) -> None:
    """Draw noisy, reconstructed and original faces, from the worst restored to the best.

    Five are shown: the worst, the median, the best, and faces evenly between.

    Args:
        clean, noisy, restored: N×H×W×1 in [0, 1].
        path: PNG file to write.
        names: What to call each face, such as its id.
    """
    scores, before = psnr(clean, restored), psnr(clean, noisy)
    order = np.argsort(scores, kind="stable")
    shown = order[np.rint(np.linspace(0, len(order) - 1, 5)).astype(int)]
    labels = [f"face {names[face]}" for face in shown]
    for place, word in ((0, "worst"), (2, "median"), (4, "best")):
        labels[place] += f"\n({word})"
    rows = (
        ("Noisy", noisy[shown], [f"{value:.2f} dB" for value in before[shown]]),
        ("Reconstructed", restored[shown], [f"{value:.2f} dB" for value in scores[shown]]),
        ("Original", clean[shown], None),
    )
    picture_grid(rows, labels, path)


def losses_grid(
    clean: np.ndarray,
    noisy: np.ndarray,
    restored: Mapping[str, np.ndarray],
    path: str | Path,
) -> None:
    """Draw noisy faces, their restorations by networks of different losses, and originals.

    Args:
        clean, noisy: N×H×W×1 in [0, 1].
        restored: {loss: N×H×W×1 in [0, 1]}.
        path: PNG file to write.
    """

    def row(title, pictures):
        scores = zip(psnr(clean, pictures), ssim(clean, pictures), strict=True)
        return title, pictures, [f"{decibels:.2f} dB  {alike:.3f}" for decibels, alike in scores]

    rows = [row("Noisy", noisy), *(row(loss, restored[loss]) for loss in restored)]
    labels = [f"held-out face {face + 1}" for face in range(len(clean))]
    picture_grid([*rows, ("Original", clean, None)], labels, path)


def psnr_against_sigma(
    table: Mapping[str, Mapping], path: str | Path, on: str = "the test faces"
) -> None:
    """Draw each method's PSNR against the noise level, and its gain over the noisy input.

    Args:
        table: {method: {sigma: mean PSNR in dB}}, "noisy" among them; sigma may be a number or its
            text. Sigma 0 is left out, where the input's PSNR is infinite. The rows "noisy" and
            "model" have their own colours.
        path: PNG file to write.
        on: What the pictures are, for the title.
    """
    sigmas = [sigma for sigma in table[NOISY] if float(sigma)]
    curves = {name: np.array([row[s] for s in sigmas]) for name, row in table.items()}
    places = [float(sigma) for sigma in sigmas]
    figure = new_figure(11.1, 4.2)
    scores, gains = figure.subplots(1, 2)
    for axes in (scores, gains):
        axes.set_prop_cycle(color=COLOURS, marker=MARKERS)
    for name, values in curves.items():
        style = {"markersize": 5, "linewidth": 1.4, **OWN_LINES.get(name, {})}
        scores.plot(places, values, label=name, **style)
        if name != NOISY:
            gains.plot(places, values - curves[NOISY], **style)
    unit = "noise level σ (fraction of the range)"
    decorate(scores, f"PSNR on {on}", unit, "PSNR in dB")
    decorate(gains, "Gain over the noisy input", unit, "gain in dB")
    gains.axhline(0, color=MUTED, linewidth=0.8)
    figure.legend(loc="outside right center", frameon=False, fontsize=9, labelcolor=INK)
    save_figure(figure, path)


def error_map(clean: np.ndarray, restored: np.ndarray, path: str | Path) -> None:
    """Draw where the errors sit: the mean absolute error of each pixel, beside the mean face.

    Args:
        clean, restored: N×H×W×1 in [0, 1].
        path: PNG file to write.
    """
    errors = np.abs(clean.astype(np.float64) - restored).mean(axis=(0, -1))
    figure = new_figure(7.4, 3.7)
    left, right = figure.subplots(1, 2)
    left.imshow(clean.mean(axis=(0, -1)), "gray", vmin=0, vmax=1, interpolation="nearest")
    left.set_title(f"Mean of the {len(clean)} faces", fontsize=11, color=INK)
    image = right.imshow(errors, cmap="cividis", vmin=0, interpolation="nearest")
    right.set_title(f"Mean absolute error, {errors.mean():.4f} overall", fontsize=11, color=INK)
    for axis in (left, right):
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=right, fraction=0.046, pad=0.03)
    bar.set_label("fraction of the range", color=INK, fontsize=10)
    bar.ax.tick_params(labelsize=9, colors=INK)
    bar.outline.set_visible(False)
    save_figure(figure, path, palette=False)
