"""The pool: coloured pictures laid before training and kept in a flat file.

    >>> learned, held_out = prepare_pool(faces.clean, "model.run/pool", TrainingConfig(planes=3))
    >>> learned.clean[7].shape                   # (128, 128, 3)

A picture takes longer to lay than a training step has, so that several processes lay them all
first. Picture number i depends on the seed and on i alone: an interrupted pool is gone on with,
and the same settings give the same bytes with any number of processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.patch_files import Patches, PatchFile
from olivetti_denoiser.network.backend import processors
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.synthesis.coloured_leaves import ROUGH, SHARES, SIDE, leaves

SHAPE = (SIDE, SIDE, 3)
LEARNED, HELD_OUT = "learned.u8", "held_out.u8"  # pictures, one after another
VALIDATION = 128  # pictures to validate on, made of the faces that are held out
BLOCK = 50  # pictures that a process lays at a time
SAID_EVERY = 20.0  # seconds


def prepare_pool(
    clean: np.ndarray,
    folder: str | Path,
    config: TrainingConfig,
    say: Callable[[str], None] = print,
    *,
    shares: Sequence[float] = SHARES,
    rough: float = ROUGH,
) -> tuple[Patches, Patches]:
    """Lays the pictures of a training in colour, or goes on where that was interrupted.

    Args:
        clean: the training faces, N×64×64×1 in [0, 1]; of the last `config.validation_faces` the
            pictures to validate on are made, of the others those to learn from.
        folder: where the pictures are kept; created where missing.
        config: the settings.
        say: receives lines of progress.
        shares, rough: of the leaves in the pictures to learn from, see `coloured_leaves.leaves`;
            the pictures to validate on always have the default ones, so that runs can be compared.

    Returns:
        The pictures to learn from and those to validate on.
    """
    from filelock import FileLock

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = config.validation_faces
    lay = partial(lay_block, clean[:-held], (config.seed, 1), shares=shares, rough=rough)
    # One set for every seed and every kind of leaf, so that runs can be compared.
    lay_held_out = partial(lay_block, clean[-held:], (0, 2))
    with FileLock(folder / "lock"):  # processes that share the folder wait for the first one
        _fill(folder / LEARNED, lay, config.pool, say)
        _fill(folder / HELD_OUT, lay_held_out, VALIDATION, say)
    learned, held_out = (
        Patches(PatchFile(folder / name, shape=SHAPE)) for name in (LEARNED, HELD_OUT)
    )
    return learned, held_out


def lay_block(
    faces: np.ndarray,
    seed: Sequence[int],
    start: int,
    stop: int,
    shares: Sequence[float] = SHARES,
    rough: float = ROUGH,
) -> bytes:
    """Returns the pictures from number `start` to `stop` as the file holds them.

    Args:
        faces: N×64×64×1 in [0, 1].
        seed: what all pictures depend on, beside their number.
        start, stop: numbers of the pictures.
        shares, rough: see `coloured_leaves.leaves`.
    """
    import cv2

    cv2.setNumThreads(1)
    pictures = (
        leaves(faces, np.random.default_rng((*seed, index)), shares=shares, rough=rough)
        for index in range(start, stop)
    )
    return b"".join(to_uint8(picture).tobytes() for picture in pictures)


def _fill(path, lay, count, say):
    """Appends pictures until the file holds `count`."""
    path.touch()
    each = int(np.prod(SHAPE))
    done = min(path.stat().st_size // each, count)
    with path.open("r+b") as file:
        file.truncate(done * each)
        file.seek(done * each)
        said = time.monotonic()
        for block in _blocks(lay, done, count):
            file.write(block)
            done += len(block) // each
            if done == count or time.monotonic() - said >= SAID_EVERY:
                said = time.monotonic()
                say(f"Laid {done:,} of {count:,} coloured pictures")


def _blocks(lay, start, stop) -> Iterator[bytes]:
    """The missing pictures in their order, laid by as many processes as there are processors."""
    starts = range(start, stop, BLOCK)
    stops = [min(first + BLOCK, stop) for first in starts]
    if len(starts) < 2:
        yield from map(lay, starts, stops)
        return
    with ProcessPoolExecutor(processors(), get_context("spawn")) as pool:
        yield from pool.map(lay, starts, stops)
