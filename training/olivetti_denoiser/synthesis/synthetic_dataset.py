"""The synthetic dataset: coloured pictures rendered before training and kept in a flat file.

    >>> learned, held_out = prepare_synthetic(faces.clean, "model.run/pool", config)
    >>> learned.clean[7].shape                   # (128, 128, 3)

A picture takes longer to render than a training step, so several processes render all pictures
first. Picture number i depends on the seed and on i alone: interrupted rendering goes on, and the
same settings give the same bytes with any number of processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.patch_files import Patches, PatchFile, open_to_append
from olivetti_denoiser.network.backend import processors
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.synthesis.coloured_leaves import SIDE, leaves

SHAPE = (SIDE, SIDE, 3)
LEARNED, HELD_OUT = "learned.u8", "held_out.u8"  # pictures, one after another
VALIDATION = 128  # pictures to validate on, made of the faces that are held out
BLOCK = 50  # pictures that a process renders at a time
REPORT_EVERY = 20.0  # seconds


def prepare_synthetic(
    clean: np.ndarray,
    folder: str | Path,
    config: TrainingConfig,
    report: Callable[[str], None] = print,
) -> tuple[Patches, Patches]:
    """Render the pictures of a training in colour, or go on where that was interrupted.

    Args:
        clean: The training faces, N×64×64×1 in [0, 1]. Pictures to validate on are made of the
            last `config.validation_faces`, pictures to learn from of the faces before them.
        folder: Where the pictures are kept; created where missing.
        config: The settings.
        report: Receives lines of progress.

    Returns:
        The pictures to learn from and those to validate on.
    """
    from filelock import FileLock

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = config.validation_faces
    files = {
        LEARNED: (partial(render, clean[:-held], (config.seed, 1)), config.pool),
        # One set for every seed, so that runs can be compared.
        HELD_OUT: (partial(render, clean[-held:], (0, 2)), VALIDATION),
    }
    with FileLock(folder / "lock"):  # processes that share the folder wait for the first process
        for name, (block, count) in files.items():
            _fill(folder / name, block, count, report)
    learned, held_out = (Patches(PatchFile(folder / name, SHAPE)) for name in files)
    return learned, held_out


def render(faces: np.ndarray, seed: Sequence[int], start: int, stop: int) -> bytes:
    """Return the pictures from number `start` to `stop` as the file holds them.

    Args:
        faces: N×64×64×1 in [0, 1].
        seed: Of all pictures, beside their number.
        start, stop: Numbers of the pictures.
    """
    cv2.setNumThreads(1)
    pictures = (leaves(faces, np.random.default_rng((*seed, row))) for row in range(start, stop))
    return b"".join(to_uint8(picture).tobytes() for picture in pictures)


def _fill(path, block, count, report):
    """Append pictures until the file holds `count`."""
    each = math.prod(SHAPE)
    done = min(path.stat().st_size // each, count) if path.exists() else 0
    with open_to_append(path, done, SHAPE) as file:
        reported = time.monotonic()
        for pictures in _blocks(block, done, count):
            file.write(pictures)
            done += len(pictures) // each
            if done == count or time.monotonic() - reported >= REPORT_EVERY:
                reported = time.monotonic()
                report(f"Rendered {done:,} of {count:,} coloured pictures")


def _blocks(block, start, stop) -> Iterator[bytes]:
    """Return the missing pictures in their order, rendered by as many processes as processors."""
    starts = range(start, stop, BLOCK)
    stops = [min(first + BLOCK, stop) for first in starts]
    if len(starts) < 2:
        yield from map(block, starts, stops)
        return
    with ProcessPoolExecutor(processors(), get_context("spawn")) as executor:
        yield from executor.map(block, starts, stops)
