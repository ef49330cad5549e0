"""What the coloured collages are worth: parts left out, and photographs in their place.

    python tests/benchmarks/benchmark_collages.py --pictures CBSD68 --pairs PolyU
    python tests/benchmarks/benchmark_collages.py --photographs FOLDER --save model_card/colour

Trains `denoiser train --preset colour` for fewer steps, a row for each set of pictures to learn
from, and prints PSNR in dB on middle squares of 256×256. A run that was interrupted goes on where
it was, and a finished one is only read. The photographs are read as `--dataset` reads them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from olivetti_denoiser.network.backend import prepare_training

prepare_training()

import keras  # noqa: E402

from olivetti_denoiser.config import PRESETS, TrainingConfig  # noqa: E402
from olivetti_denoiser.data import colour_images  # noqa: E402
from olivetti_denoiser.data.faces import as_arrays, reference_split  # noqa: E402
from olivetti_denoiser.data.patch_files import Patches  # noqa: E402
from olivetti_denoiser.data.patches import prepare  # noqa: E402
from olivetti_denoiser.denoiser import Denoiser  # noqa: E402
from olivetti_denoiser.evaluate import tables  # noqa: E402
from olivetti_denoiser.evaluate.colour import measure_colour, measure_pairs  # noqa: E402
from olivetti_denoiser.images.picture import ImageRows  # noqa: E402
from olivetti_denoiser.publish.update import check_release, update_release  # noqa: E402
from olivetti_denoiser.release import MODEL, NOISY  # noqa: E402
from olivetti_denoiser.synthesis.coloured_leaves import KINDS, ROUGH, SHARES  # noqa: E402
from olivetti_denoiser.synthesis.synthetic_dataset import prepare_pool  # noqa: E402
from olivetti_denoiser.train.fit import fit  # noqa: E402

CROP = 256
SIGMAS = (10 / 255, 25 / 255, 50 / 255)
COLLAGES, GRAY, PHOTOGRAPHS, BOTH = "collages", "gray collages", "photographs", "both, half each"
SMOOTH = "collages without weak grain"
WITHOUT = {f"collages without {kind}": kind for kind in KINDS}


class Changed:
    """Pictures, each changed when it is read."""

    def __init__(self, pictures: ImageRows, change: Callable[[np.ndarray], np.ndarray]):
        self.pictures, self.change = pictures, change

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.change(self.pictures[row])


class Alternating:
    """Pictures of two sources in turn, as many of each as the smaller one has."""

    def __init__(self, *sources: ImageRows):
        self.sources = sources

    def __len__(self) -> int:
        return len(self.sources) * min(map(len, self.sources))

    def __getitem__(self, row: int) -> np.ndarray:
        return self.sources[row % len(self.sources)][row // len(self.sources)]


def gray(picture: np.ndarray) -> np.ndarray:
    """Returns a colour picture of three equal planes."""
    return picture.mean(axis=2, keepdims=True).repeat(3, axis=2)


def shares_without(kind: str) -> list[float]:
    """Returns the shares of the kinds of leaves with one kind left out."""
    return [0.0 if name == kind else share for name, share in zip(KINDS, SHARES, strict=True)]


def learned_and_held_out(
    row: str, config: TrainingConfig, folder: Path, photographs: str | None
) -> tuple[Patches, Patches]:
    """Returns what a row learns from, and the collages that all rows are validated on."""
    shares = np.array(shares_without(WITHOUT.get(row, "")))
    faces = as_arrays(reference_split()["train"]).clean
    collages, held_out = prepare_pool(
        faces,
        folder / "pool",
        config,
        shares=list(shares / shares.sum()),
        rough=0.0 if row == SMOOTH else ROUGH,
    )
    if row == GRAY:
        return Patches(Changed(collages.clean, gray)), held_out
    if row not in (PHOTOGRAPHS, BOTH):
        return collages, held_out
    prepared = prepare(
        photographs,
        folder / "pictures",
        wanted=config.total_steps * config.batch_size,
        validation=config.validation_faces,
        planes=3,
    )
    if row == PHOTOGRAPHS:
        return prepared.learned, held_out
    return Patches(Alternating(collages.clean, prepared.learned.clean)), held_out


def figures_of(denoiser: Denoiser, options: argparse.Namespace) -> dict[str, float]:
    """Returns PSNR in dB by what it is measured on."""
    model = {MODEL: lambda noisy, sigma: denoiser(noisy)}
    sets = [colour_images.standing_set(CROP)]
    if options.pictures:
        sets.append(colour_images.read_colour_set(options.pictures, CROP, options.every))
    found = {}
    for one in sets:
        levels = measure_colour(model, {}, one, SIGMAS)["psnr"]["methods"][MODEL]
        found |= {f"{one.name}, σ = {level}": psnr for level, psnr in levels.items()}
    if options.pairs:
        pairs = colour_images.read_pairs(options.pairs, crop=CROP)
        scores = measure_pairs(model, pairs)["psnr"]["methods"]
        found[f"{pairs.name}, gain"] = scores[MODEL] - scores[NOISY]
    return found


def main() -> None:
    """Trains, measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", help="names of rows (all)")
    parser.add_argument("--steps", type=int, default=1500, help="of each row (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of each row (%(default)s)")
    parser.add_argument("--photographs", metavar="FOLDER", help="adds the rows of photographs")
    parser.add_argument("--pictures", metavar="FOLDER", help="photographs to measure on")
    parser.add_argument("--every", type=int, default=4, help="the first of each N (%(default)s)")
    parser.add_argument("--pairs", metavar="FOLDER", help="noisy and clean pairs to measure on")
    parser.add_argument("--output", default="outputs/collages", help="of the runs (%(default)s)")
    parser.add_argument("--save", metavar="FOLDER", help="keep the table in this model folder")
    parser.add_argument(
        "--note", help="for the card: what else differs from the release's training"
    )
    options = parser.parse_args()
    photographed = [PHOTOGRAPHS, BOTH] if options.photographs else []
    known = [COLLAGES, *photographed, *WITHOUT, SMOOTH, GRAY]
    if unknown := [row for row in options.rows if row not in known]:
        parser.error(f"rows are {', '.join(known)}. Received: {', '.join(unknown)}")
    if options.save:
        check_release(options.save)

    changes = {"epochs": 1, "steps_per_epoch": options.steps, "seed": options.seed}
    config = TrainingConfig.from_dict(PRESETS["colour"] | changes)
    # As many pictures as there are steps, so that each one is shown four times.
    config = replace(config, pool=max(64, options.steps * config.batch_size // 4))
    table: dict[str, dict[str, float]] = {}
    for row in options.rows or known:
        folder = Path(options.output) / f"{row.replace(', ', '-').replace(' ', '-')}"
        folder = folder.with_name(f"{folder.name}-{options.steps}-{options.seed}")
        figures = folder / "figures.json"
        if not figures.is_file():
            keras.backend.clear_session()
            print(f"{row}: {folder}", flush=True)
            learned, held_out = learned_and_held_out(row, config, folder, options.photographs)
            model = fit(config, learned, folder / "run", held_out=held_out).model
            figures.write_text(json.dumps(figures_of(Denoiser(model), options)))
        table[row] = json.loads(figures.read_text())
    print(tables.markdown(tables.pictures_learned({"steps": options.steps, "rows": table})))
    if options.save:
        found = {"steps": options.steps, "seed": options.seed, "rows": table}
        if options.note:
            found["note"] = options.note
        print(f"Keeping the table in {update_release(options.save, {'pictures_learned': found})}")


if __name__ == "__main__":
    main()
