"""The four figures of a model folder: losses, faces, PSNR against sigma, where the errors sit.

>>> loss_curves(history, "loss_curves.png")
>>> comparison_grid(clean, noisy, restored, "comparison.png")
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from olivetti_denoiser.evaluate.plot_style import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    decorate,
    line_styles,
    new_figure,
    picture_grid,
    plain_log_ticks,
    save_figure,
)
from olivetti_denoiser.metrics import psnr, ssim
from olivetti_denoiser.release import (
    COMPARISON,
    CURVES,
    ERRORS,
    LEVELS,
    NOISY,
    ColourSetMetrics,
    Metrics,
)


def draw_plots(
    folder: str | Path,
    history: Sequence[Mapping],
    metrics: Metrics,
    pictures: Mapping[str, np.ndarray],
) -> None:
    """Draws every figure of `PLOTS` into a folder; of a colour model, those that show no faces.

    Args:
        folder: where the PNG files go.
        history: one row an epoch, see `loss_curves`.
        metrics: figures, whose `sigmas` are drawn: the methods alone, since the variants of the
            model lie within a line's width of it.
        pictures: `clean`, `noisy` and `restored` test faces, N×64×64×1, and their `face_id`.
    """
    folder = Path(folder)
    loss_curves(history, folder / CURVES)
    draw_levels(folder, metrics)
    if metrics.get("planes") == 3:
        return
    clean, noisy, restored = (pictures[name] for name in ("clean", "noisy", "restored"))
    comparison_grid(clean, noisy, restored, folder / COMPARISON, names=pictures.get("face_id"))
    error_map(clean, restored, folder / ERRORS)


def draw_levels(folder: str | Path, metrics: Metrics) -> None:
    """Draws PSNR against sigma into a folder: of colour pictures where the model is for colour.

    Args:
        folder: where the PNG file goes.
        metrics: the figures. Of several colour sets the one with the most methods is drawn.
    """
    path, sets = Path(folder) / LEVELS, metrics.get("colour")
    if metrics.get("planes") == 3 and sets:
        psnr_of_colour(sets, max(sets, key=lambda name: len(sets[name]["psnr"]["methods"])), path)
    else:
        psnr_against_sigma(metrics["sigmas"]["methods"], path)


def loss_curves(history: Iterable[Mapping], path: str | Path) -> None:
    """Draws training and validation loss, and validation PSNR, with the best epoch marked.

    Args:
        history: one mapping an epoch with `epoch`, `restored_loss`, `val_restored_loss` and,
            where known, `val_psnr`; numbers, or text as a CSV file gives it.
        path: PNG file to write.

    Raises:
        ValueError: there is no epoch.
    """
    rows = [{name: _number(value) for name, value in row.items()} for row in history]
    if not rows:
        raise ValueError("loss curves need at least one epoch. Received: an empty history")
    epochs, training, validation, decibels = (
        np.array([row.get(name, math.nan) for row in rows])
        for name in ("epoch", "restored_loss", "val_restored_loss", "val_psnr")
    )
    panels = 1 if np.isnan(decibels).all() else 2
    figure = new_figure(4.8 * panels, 3.6)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    best = None if np.isnan(validation).all() else int(np.nanargmin(validation))

    marker = {"marker": "o", "markersize": 3.5} if len(rows) < 30 else {}
    axes[0].plot(epochs, training, color=BLUE, linestyle="--", label="training", **marker)
    axes[0].plot(epochs, validation, color=VERMILION, label="validation", **marker)
    decorate(axes[0], "Loss of the restored faces", "epoch", "loss (log scale)")
    axes[0].set_yscale("log")
    plain_log_ticks(axes[0])
    if panels == 2:
        axes[1].plot(epochs, decibels, color=VERMILION, label="validation", **marker)
        decorate(axes[1], "PSNR of the validation faces", "epoch", "PSNR in dB")
    for axis, values, unit in zip(axes, (validation, decibels), ("", " dB"), strict=False):
        axis.xaxis.get_major_locator().set_params(integer=True)
        if best is not None and not math.isnan(values[best]):
            axis.axvline(epochs[best], color=MUTED, linewidth=0.8, linestyle=":")
            axis.plot(
                epochs[best],
                values[best],
                color=INK,
                marker="*",
                markersize=11,
                linestyle="none",
                label=f"best epoch: {epochs[best]:g} ({values[best]:.4g}{unit})",
            )
        axis.legend(frameon=False, fontsize=9, labelcolor=INK)
    save_figure(figure, path)


def comparison_grid(
    clean: np.ndarray,
    noisy: np.ndarray,
    restored: np.ndarray,
    path: str | Path,
    *,
    names: Sequence | np.ndarray | None = None,
    count: int = 5,
) -> None:
    """Draws noisy, reconstructed and original faces, from the worst restored to the best.

    Args:
        clean, noisy, restored: N×H×W or N×H×W×1 in [0, 1].
        path: PNG file to write.
        names: what to call each face, such as its id; its row number when None.
        count: faces to show: the worst, the median, the best, and others evenly between.

    Raises:
        ValueError: no face, or shapes that differ.
    """
    scores, before = psnr(clean, restored), psnr(clean, noisy)
    if not len(scores):
        raise ValueError("the grid needs at least one face. Received: none")
    order = np.argsort(scores, kind="stable")
    places = np.unique(np.rint(np.linspace(0, len(order) - 1, count)).astype(int))
    names = range(len(scores)) if names is None else names
    titles = {0: "worst", len(order) - 1: "best", places[len(places) // 2]: "median"}
    if len(order) == 1:
        titles = {}

    labels = {
        order[place]: f"face {names[order[place]]}"
        + (f"\n({titles[place]})" if place in titles else "")
        for place in places
    }
    rows = (
        ("Noisy", noisy, [f"{value:.2f} dB" for value in before]),
        ("Reconstructed", restored, [f"{value:.2f} dB" for value in scores]),
        ("Original", clean, None),
    )
    picture_grid(rows, labels, path)


def losses_grid(
    clean: np.ndarray,
    noisy: np.ndarray,
    restored: Mapping[str, np.ndarray],
    path: str | Path,
) -> None:
    """Draws noisy faces, what networks trained with different losses make of them, and originals.

    Args:
        clean, noisy: N×H×W×1 in [0, 1].
        restored: {loss: N×H×W×1 in [0, 1]}.
        path: PNG file to write.
    """

    def row(title, pictures):
        scores = zip(psnr(clean, pictures), ssim(clean, pictures), strict=True)
        return title, pictures, [f"{decibels:.2f} dB  {alike:.3f}" for decibels, alike in scores]

    rows = [row("Noisy", noisy), *(row(loss, restored[loss]) for loss in restored)]
    labels = {face: f"held-out face {face + 1}" for face in range(len(clean))}
    picture_grid([*rows, ("Original", clean, None)], labels, path)


def psnr_against_sigma(
    table: Mapping[str, Mapping], path: str | Path, on: str = "the test faces"
) -> None:
    """Draws each method's PSNR against the noise level, and its gain over the noisy input.

    Args:
        table: {method: {sigma: mean PSNR in dB}}; sigma may be a number or its text. The level 0
            is left out, where the input's PSNR is infinite. The rows "noisy" and "model" have
            their own colours.
        path: PNG file to write.
        on: what the pictures are, for the title.

    Raises:
        ValueError: there is no method or no level over 0.
    """
    curves = {
        name: sorted((float(sigma), float(value)) for sigma, value in row.items() if float(sigma))
        for name, row in table.items()
    }
    if not any(curves.values()):
        raise ValueError(f"the plot needs a level over 0. Received: {dict(table)}")
    before = dict(curves.get(NOISY, ()))
    panels = 2 if before and len(curves) > 1 else 1
    figure = new_figure(4.6 * panels + 1.9, 4.2)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for name, style in line_styles(curves).items():
        levels, values = np.array(curves[name]).reshape(-1, 2).T
        axes[0].plot(levels, values, label=name, **style)
        if panels == 2 and name != NOISY:
            gained = [(s, v - before[s]) for s, v in curves[name] if s in before]
            axes[1].plot(*np.array(gained).reshape(-1, 2).T, label=name, **style)
    unit = "noise level σ (fraction of the range)"
    decorate(axes[0], f"PSNR on {on}", unit, "PSNR in dB")
    if panels == 2:
        decorate(axes[1], "Gain over the noisy input", unit, "gain in dB")
        axes[1].axhline(0, color=MUTED, linewidth=0.8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right center", frameon=False, fontsize=9, labelcolor=INK
    )
    save_figure(figure, path)


def psnr_of_colour(figures: Mapping[str, ColourSetMetrics], name: str, path: str | Path) -> None:
    """Draws PSNR against sigma on a set of colour pictures.

    Args:
        figures: `colour` of `release.Metrics`.
        name: the set's name.
        path: PNG file to write.
    """
    curves = {
        method: {float(level) / 255: value for level, value in row.items()}
        for method, row in figures[name]["psnr"]["methods"].items()
    }
    psnr_against_sigma(curves, path, on=f"{name}, in colour")


def error_map(clean: np.ndarray, restored: np.ndarray, path: str | Path) -> None:
    """Draws where the errors sit: the mean absolute error of each pixel, beside the mean face.

    Args:
        clean, restored: N×H×W or N×H×W×1 in [0, 1].
        path: PNG file to write.

    Raises:
        ValueError: no face, or shapes that differ.
    """
    clean, restored = np.asarray(clean, np.float64), np.asarray(restored, np.float64)
    if clean.shape != restored.shape or not len(clean):
        raise ValueError(
            "the error map needs faces of one shape. "
            f"Received: clean.shape={clean.shape}, restored.shape={restored.shape}"
        )
    side = clean.shape[1:3]
    errors = np.abs(clean - restored).mean(axis=0).reshape(side)
    figure = new_figure(7.4, 3.7)
    left, right = figure.subplots(1, 2)
    left.imshow(
        clean.mean(axis=0).reshape(side), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
    )
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


def _number(value):
    """A history entry as a float; what a CSV file leaves empty is NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
