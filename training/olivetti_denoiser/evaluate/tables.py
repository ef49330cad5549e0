"""Tables of metrics: rows of texts, and their Markdown.

>>> print(markdown(scores(metrics, "test")))
>>> print(table(metrics))                      # all of them, as `denoiser evaluate` prints them

A table is a list of rows, each the text of every column by the column's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from olivetti_denoiser.release import Methods, Metrics, Scores, rows

NONE = "–"  # a cell that holds no number

PART_NAMES = {
    "test": "Test faces",
    "train": "Training faces",
    "outside": "Faces outside the split",
    "photographs": "Photographs",
    "pictures": "Test pictures of the dataset",
}

Table = list[dict[str, str]]


def table(metrics: Metrics) -> str:
    """Return every table of the metrics as Markdown, each under its title.

    Args:
        metrics: The metrics, or some of them, such as `colour` alone.
    """
    sections = [(_title(metrics, part), scores(metrics, part)) for part in metrics.get("parts", {})]
    if "sigmas" in metrics:
        sections.append(("PSNR in dB against sigma, test faces", psnr_by_sigma(metrics)))
    for name, found in metrics.get("colour", {}).items():
        title = f"PSNR in dB against sigma × 255, colour, {name}{_size(found)}"
        sections.append((title, colour(metrics, name)))
    for name, found in metrics.get("pairs", {}).items():
        title = f"PSNR in dB, real noisy pictures of {name}{_size(found)}"
        sections.append((title, pairs(metrics, name)))
    if metrics.get("drawn"):
        sections.append(("Drawn pictures, by PSNR", drawn(metrics)))
    return "\n\n".join(f"{title}\n\n{markdown(lines)}" for title, lines in sections)


def scores(metrics: Metrics, part: str, prefix: str = "") -> Table:
    """Return MSE, PSNR and SSIM of every method on a part; on the test faces the time too.

    Args:
        metrics: The metrics.
        part: One of `PART_NAMES`.
        prefix: Stands before the name of each measure.
    """
    seconds = rows(metrics["seconds"]) if part == "test" else {}
    lines = []
    for method, row in rows(metrics["parts"][part]).items():
        line = {
            "method": method,
            f"{prefix}MSE": f"{row['mse']['mean']:.6f}",
            f"{prefix}PSNR, dB": psnr_interval(row),
            f"{prefix}SSIM": f"{row['ssim']['mean']:.3f}",
        }
        if part == "test":
            took = seconds.get(method)
            line["ms a picture"] = NONE if took is None else f"{1000 * took:.2f}"
        lines.append(line)
    return lines


def comparison(metrics: Metrics) -> Table:
    """Return the card's table: scores on the test faces, and PSNR on the other parts."""
    lines = scores(metrics, "test", "test ")
    for line in lines:
        took = line.pop("ms a picture")
        for part in ("train", "outside", "pictures"):
            if part in metrics["parts"]:
                row = rows(metrics["parts"][part]).get(line["method"])
                line[f"{part} PSNR, dB"] = decibels(row["psnr"]["mean"]) if row else NONE
        if metrics.get("published"):
            line["ms a picture"] = took
    return lines


def photographs(metrics: Metrics) -> Table:
    """Return the card's table of scores on photographs."""
    return scores(metrics, "photographs")


def psnr_by_sigma(metrics: Metrics) -> Table:
    """Return PSNR on the test faces, a row a method and a column a noise level."""
    return _by_sigma(metrics["sigmas"])


def colour(metrics: Metrics, name: str) -> Table:
    """Return PSNR on a colour set, a row a method, a column a noise level, and the time."""
    found = metrics["colour"][name]
    lines, seconds = _by_sigma(found["psnr"]), rows(found["seconds"])
    for line in lines:
        took = seconds.get(line["method"])
        line["s a megapixel"] = NONE if took is None else f"{took:.2f}"
    return lines


def pairs(metrics: Metrics, name: str) -> Table:
    """Return PSNR on real noisy pictures, and its gain over that of the noisy pictures."""
    found = rows(metrics["pairs"][name]["psnr"])
    return [
        {
            "method": method,
            "PSNR, dB": decibels(value),
            "gain, dB": NONE if method == "noisy" else f"{value - found['noisy']:+.2f}",
        }
        for method, value in found.items()
    ]


def drawn(metrics: Metrics) -> Table:
    """Return how many drawn pictures come back worse than noisy, and their gains, by kind."""
    return [
        {
            "pictures": kind,
            "count": f"{found['count']:,}",
            "worse than noisy": f"{found['worse']:,}",
            "least gain, dB": f"{found['least_gain']:+.1f}",
            "mean gain, dB": f"{found['mean_gain']:+.1f}",
        }
        for kind, found in metrics["drawn"].items()
    ]


def pictures_learned(found: Mapping[str, Any]) -> Table:
    """Return PSNR with a row for each set of pictures to learn from."""
    columns = {column: NONE for values in found["rows"].values() for column in values}
    return [
        {"learned from": row, **columns, **{name: f"{value:.2f}" for name, value in values.items()}}
        for row, values in found["rows"].items()
    ]


def details(metrics: Metrics) -> Table:
    """Return what is preserved and what is blurred, by the size of the detail in pixels."""

    def size(row):
        if row["below"] is None:
            return f"{row['at_least']} and more"
        least = row["at_least"]
        return f"{least} to {row['below']}" if least else f"less than {row['below']}"

    return [
        {
            "details of": size(row),
            "kept": f"{100 * row['kept']:.0f} %",
            "noise, before": f"{100 * row['noise']:.1f} %",
            "error, after": f"{100 * row['left']:.1f} %",
        }
        for row in metrics["details"]
    ]


def markdown(lines: Sequence[dict[str, Any]], texts: Sequence[str] = ()) -> str:
    """Return a table as Markdown.

    Args:
        lines: The rows, all with the same columns.
        texts: Columns that read from the left, as the first one does; the other columns hold
            numbers and stand to the right.
    """
    from tabulate import tabulate

    words = (next(iter(lines[0])), *texts)
    sides = ["left" if column in words else "right" for column in lines[0]]
    return tabulate(lines, "keys", tablefmt="pipe", disable_numparse=True, colalign=sides)


def decibels(value: float) -> str:
    """Return a PSNR for a table: two decimals, and ∞ for identical pictures.

    >>> decibels(30.1666), decibels(100.0)
    ('30.17', '∞')
    """
    return f"{value:.2f}" if value < 99.995 else "∞"


def psnr_interval(row: Scores) -> str:
    """Return a mean PSNR with its interval for a table: 30.17 (29.35 – 30.99)."""
    mean, low, high = (decibels(row["psnr"][end]) for end in ("mean", "low", "high"))
    return f"{mean} ({low} – {high})"


def _by_sigma(results: Methods[dict[str, float]]) -> Table:
    """Return a table with a row for each method and a column for each noise level."""
    return [
        {"method": name, **{sigma: decibels(value) for sigma, value in row.items()}}
        for name, row in rows(results).items()
    ]


def _title(metrics: Metrics, part: str) -> str:
    """Say what a table is about: "Test faces (20), subjects split, sigma 0.1"."""
    found, noise = metrics["parts"][part], f"sigma {metrics['sigma']:g}"
    name = PART_NAMES[part]
    if part in ("photographs", "pictures"):
        of = f" of {found['name']}" if "name" in found else ""
        return f"{name}{of} ({found['count']}), 64×64, {noise}"
    split = metrics.get("split")
    title = f"{name} ({found['count']})" + (f", {split} split" if split else "")
    if part == "train" and metrics.get("training", {}).get("pictures"):
        title += ", which this model has not learned from"
    return f"{title}, {noise}"


def _size(found) -> str:
    crop = found["crop"]
    return f" ({found['count']}{f', middle {crop}×{crop}' if crop else ''})"
