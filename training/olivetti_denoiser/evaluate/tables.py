"""Tables of figures: pandas data frames, and their Markdown.

>>> print(markdown(scores(metrics, "test")))
>>> print(table(metrics))                      # all of them, as `denoiser evaluate` prints them
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from olivetti_denoiser.release import Methods, Metrics, PicturesLearned, Scores, rows

if TYPE_CHECKING:
    import pandas as pd

NONE = "–"  # a cell that holds no figure

PART_NAMES = {
    "test": "Test faces",
    "train": "Training faces",
    "outside": "Faces outside the split",
    "photographs": "Photographs",
    "pictures": "Test pictures of the dataset",
}


def table(metrics: Metrics) -> str:
    """Returns every table of the figures as Markdown, each under its title.

    Args:
        metrics: the figures, or some of them, such as `colour` alone.
    """
    sections = [(_title(metrics, part), scores(metrics, part)) for part in metrics.get("parts", {})]
    if "sigmas" in metrics:
        sections.append(("PSNR in dB against sigma, test faces", psnr_by_sigma(metrics)))
    sections += [
        (f"PSNR in dB against sigma × 255, colour, {name}{_size(figures)}", colour(metrics, name))
        for name, figures in metrics.get("colour", {}).items()
    ]
    sections += [
        (f"PSNR in dB, real noisy pictures of {name}{_size(figures)}", pairs(metrics, name))
        for name, figures in metrics.get("pairs", {}).items()
    ]
    return "\n\n".join(f"{title}\n\n{markdown(frame)}" for title, frame in sections)


def scores(metrics: Metrics, part: str) -> pd.DataFrame:
    """Returns MSE, PSNR and SSIM of every method on a part, with times where they were taken."""
    import pandas as pd

    seconds = rows(metrics["seconds"]) if part == "test" else {}
    lines = [
        (
            method,
            f"{row['mse']['mean']:.6f}",
            decibels(row["psnr"]["mean"]),
            f"{decibels(row['psnr']['low'])} – {decibels(row['psnr']['high'])}",
            f"{row['ssim']['mean']:.3f}",
            f"{row['ssim']['low']:.3f} – {row['ssim']['high']:.3f}",
            milliseconds(seconds.get(method)),
        )
        for method, row in rows(metrics["parts"][part]).items()
    ]
    columns = ["method", "MSE", "PSNR dB", "95 %", "SSIM", "95 %", "ms a picture"]
    return pd.DataFrame(lines, columns=columns)


def comparison(metrics: Metrics) -> pd.DataFrame:
    """Returns the card's table: scores on the test faces, and PSNR on the other parts."""
    import pandas as pd

    test, seconds = rows(metrics["parts"]["test"]), rows(metrics["seconds"])
    frame = pd.DataFrame(
        {
            "method": list(test),
            "test MSE": [f"{row['mse']['mean']:.6f}" for row in test.values()],
            "test PSNR, dB": [psnr_interval(row) for row in test.values()],
            "test SSIM": [f"{row['ssim']['mean']:.3f}" for row in test.values()],
        }
    )
    for part in ("train", "outside", "pictures"):
        if part in metrics["parts"]:
            measured = rows(metrics["parts"][part])
            frame[f"{part} PSNR, dB"] = [
                decibels(measured[method]["psnr"]["mean"]) if method in measured else NONE
                for method in test
            ]
    if metrics.get("published"):
        frame["ms a picture"] = [milliseconds(seconds.get(method)) for method in test]
    return frame


def photographs(metrics: Metrics) -> pd.DataFrame:
    """Returns the card's table of scores on photographs."""
    import pandas as pd

    found = rows(metrics["parts"]["photographs"])
    return pd.DataFrame(
        {
            "method": list(found),
            "MSE": [f"{row['mse']['mean']:.6f}" for row in found.values()],
            "PSNR, dB": [psnr_interval(row) for row in found.values()],
            "SSIM": [f"{row['ssim']['mean']:.3f}" for row in found.values()],
        }
    )


def psnr_by_sigma(metrics: Metrics) -> pd.DataFrame:
    """Returns PSNR on the test faces, a row a method and a column a level."""
    return _levels(metrics["sigmas"])


def colour(metrics: Metrics, name: str) -> pd.DataFrame:
    """Returns PSNR on a colour set, a row a method, a column a level, and the time."""
    figures = metrics["colour"][name]
    frame, seconds = _levels(figures["psnr"]), rows(figures["seconds"])
    frame["s a megapixel"] = [
        f"{seconds[method]:.2f}" if method in seconds else NONE for method in frame["method"]
    ]
    return frame


def pairs(metrics: Metrics, name: str) -> pd.DataFrame:
    """Returns PSNR on real noisy pictures, and what it is above that of the noisy ones."""
    import pandas as pd

    found = rows(metrics["pairs"][name]["psnr"])
    gains = [value - found["noisy"] for value in found.values()]
    return pd.DataFrame(
        {
            "method": list(found),
            "PSNR, dB": [decibels(value) for value in found.values()],
            "gain, dB": [f"{gain:+.2f}" if method != "noisy" else NONE
                         for method, gain in zip(found, gains, strict=True)],
        }
    )  # fmt: skip


def pictures_learned(found: PicturesLearned) -> pd.DataFrame:
    """Returns PSNR with a row for each set of pictures to learn from."""
    import pandas as pd

    lines = [
        {"learned from": row, **{column: f"{value:.2f}" for column, value in values.items()}}
        for row, values in found["rows"].items()
    ]
    return pd.DataFrame(lines).fillna(NONE)


def details(metrics: Metrics) -> pd.DataFrame:
    """Returns what is preserved and what is blurred, by the size of the detail in pixels."""
    import pandas as pd

    lines = []
    for row in metrics["details"]:
        size = f"{row['at_least']} to {row['below']}"
        if row["below"] is None:
            size = f"{row['at_least']} and more"
        elif not row["at_least"]:
            size = f"less than {row['below']}"
        shares = (
            f"{100 * row['kept']:.0f} %",
            *(f"{100 * row[n]:.1f} %" for n in ("noise", "left")),
        )
        lines.append((size, *shares))
    columns = ["details of", "kept", "noise, before", "error, after"]
    return pd.DataFrame(lines, columns=columns)


def markdown(frame: pd.DataFrame, texts: Sequence[str] = ()) -> str:
    """Returns a table of texts as Markdown.

    Args:
        frame: the table.
        texts: columns that read from the left, as the first one does; the others are figures and
            stand to the right.
    """
    words = (frame.columns[0], *texts)
    sides = ["left" if column in words else "right" for column in frame.columns]
    return frame.to_markdown(index=False, disable_numparse=True, tablefmt="pipe", colalign=sides)


def decibels(value: float) -> str:
    """Returns a PSNR for a table: two decimals, and ∞ for identical pictures.

    >>> decibels(30.1666), decibels(100.0)
    ('30.17', '∞')
    """
    return f"{value:.2f}" if value < 99.995 else "∞"


def psnr_interval(row: Scores) -> str:
    """Returns a mean PSNR with its interval for a table: 30.17 (29.35 – 30.99)."""
    mean, low, high = (decibels(row["psnr"][end]) for end in ("mean", "low", "high"))
    return f"{mean} ({low} – {high})"


def milliseconds(seconds: float | None) -> str:
    """Returns a time for a table."""
    return NONE if seconds is None else f"{1000 * seconds:.2f}"


def _levels(results: Methods[dict[str, float]]) -> pd.DataFrame:
    """Returns PSNR with a row a method and a column a level."""
    import pandas as pd

    found = rows(results)
    levels: Sequence[str] = list(next(iter(found.values())))
    lines = [(name, *(decibels(row[level]) for level in levels)) for name, row in found.items()]
    return pd.DataFrame(lines, columns=["method", *levels])


def _title(metrics: Metrics, part: str) -> str:
    """Says what a table is about: "Test faces (20), subjects split, sigma 0.1"."""
    name, figures = PART_NAMES.get(part, part), metrics["parts"][part]
    count, noise = figures["count"], f"sigma {metrics['sigma']:g}"
    if part == "photographs":
        return f"{name} of {figures['name']} ({count}), 64×64, {noise}"
    if part == "pictures":
        return f"{name} ({count}), 64×64, {noise}"
    split = metrics.get("split")
    title = f"{name} ({count})" + (f", {split} split" if split else "")
    if part == "train" and metrics.get("training", {}).get("pictures"):
        title += ", which this model has not learned from"
    return f"{title}, {noise}"


def _size(figures) -> str:
    crop = figures["crop"]
    return f" ({figures['count']}{f', middle {crop}×{crop}' if crop else ''})"
