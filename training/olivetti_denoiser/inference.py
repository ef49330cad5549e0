"""A network on pictures of any size: tiles, and forward passes compiled once for one tile side.

    >>> network = TiledNetwork(model)
    >>> sigma = network.estimate(pictures)           # N levels of N×H×W×C pictures in [0, 1]
    >>> restored = network.restore(pictures, sigma)  # float32, shaped like the pictures

A pass gives the same to the last bit for any number of tiles.
"""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np

from olivetti_denoiser.model import (
    averages_mirror,
    estimator_of,
    planes_of,
    restorer_of,
    without_mirror,
)
from olivetti_denoiser.noisy_tiles import has_plain_parts, noisy_blocks, noisy_tiles
from olivetti_denoiser.plain_frame import inside_frame
from olivetti_denoiser.tiles import (
    COLOUR_MARGIN,
    MARGIN,
    TILE_SIDES,
    chunk_size,
    padded,
    tile_places,
    tile_side,
)

# Of the levels of a picture's tiles: fine texture is taken for noise, so tiles with little of it
# tell the level best; real noise differs with brightness, so the lowest are too low for the rest.
# At 0.1, 0.2 and 0.3, 24 clean photographs of BSDS500 come back at 43.7, 42.7 and 41.3 dB, and 20
# real pictures gain 2.17, 2.22 and 2.29 dB. With white noise of σ = 10/255 or more they are equal.
LEVEL_QUANTILE = 0.2

PARTS: dict[str, Callable[[keras.Model], keras.Model]] = {
    "restore": lambda model: model,
    "restore given sigma": restorer_of,
    "restore without mirror": without_mirror,
    "restore given sigma without mirror": lambda model: restorer_of(without_mirror(model)),
    "estimate": estimator_of,
}


def compile_pass(
    model: keras.Model, side: int, batch: int | None = None
) -> Callable[..., np.ndarray]:
    """Compiles a model for inference.

    On OpenVINO the graph is compiled here rather than in Keras, for two reasons: Keras leaves the
    precision to OpenVINO, which on processors with AMX means bfloat16 and pictures that are
    6e-4 away from those of other machines; and its `predict` looks up the graph at each call.

    Args:
        model: a functional model of one output, whose inputs are N×H×W×C or N×1×1×C.
        side: the height and width that every input but N×1×1×C will have.
        batch: the only N that will come, or None for any.

    Returns:
        A function from float32 inputs to the output, float32. Not to be called twice at once.
    """
    if keras.config.backend() != "openvino":
        own = keras.Model(model.inputs, model.outputs)  # Keras keeps one compiled shape a model
        return lambda *inputs: np.asarray(own.predict_on_batch(list(inputs)))

    import openvino

    # By name, since export would take a second unnamed input for the argument `training`.
    named = keras.Model({tensor.name: tensor for tensor in model.inputs}, model.outputs[0])
    signature = {
        name: keras.layers.InputSpec(
            shape=(batch, *(length or side for length in tensor.shape[1:])), dtype="float32"
        )
        for name, tensor in named.input.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        named.export(str(path), format="openvino", verbose=False, input_signature=[signature])
        core = openvino.Core()
        graph = core.read_model(path)
        compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda *inputs: compiled(list(inputs))[0]


class TiledNetwork:
    """Runs a network over pictures of any size, tile by tile.

    One forward pass runs at a time, whatever the thread; a large picture is many passes, so a small
    one waits for a tile and not for the whole.

    Args:
        model: see `denoiser.Denoiser`.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.planes = planes_of(model)
        self.averages_mirror = averages_mirror(model)
        self._margin = MARGIN if self.planes == 1 else COLOUR_MARGIN
        self._lock = threading.Lock()
        self._passes: dict[tuple, Callable[..., np.ndarray]] = {}

    def fits_one_tile(self, shape: tuple[int, int]) -> bool:
        """Whether a picture of this height and width goes through as one tile."""
        return max(shape) <= tile_side(shape)

    def estimate(self, pictures: np.ndarray, opaque: np.ndarray | None = None) -> np.ndarray:
        """Returns the noise level of each picture, from its tiles that hold noise.

        It is the mean of those of a gray network, and a low quantile of those of a colour network.

        Args:
            pictures: float32 N×H×W×C in [0, 1].
            opaque: bool N×H×W, which pixels are seen; None for all.

        Returns:
            float32 N, fractions of the range.
        """
        levels: list[list[float]] = [[] for _ in pictures]
        insides = [_unless_empty(inside_frame(picture)) for picture in pictures]
        seen = [picture[inside] for picture, inside in zip(pictures, insides, strict=True)]
        masks: list[np.ndarray | None] = [None] * len(seen)
        if opaque is not None:
            masks = [mask[inside] for mask, inside in zip(opaque, insides, strict=True)]
        for side, tiles in self._level_tiles(seen, masks).items():
            size = chunk_size(side)
            for start in range(0, len(tiles), size):
                chunk = tiles[start : start + size]
                cut = [
                    padded(seen[index][None, rows, columns], side) for index, rows, columns in chunk
                ]
                found = self._run("estimate", np.concatenate(cut)).reshape(-1)
                for (index, _, _), level in zip(chunk, found, strict=True):
                    levels[index].append(level)
        combine = np.mean if self.planes == 1 else partial(np.quantile, q=LEVEL_QUANTILE)
        return np.array([combine(of_one) for of_one in levels], np.float32)

    def estimates_whole(self, pictures: np.ndarray, opaque: np.ndarray | None = None) -> bool:
        """Whether the level of every picture comes from all of it.

        Args:
            pictures, opaque: as for `estimate`.
        """
        seen = [None] * len(pictures) if opaque is None else opaque
        return not any(map(has_plain_parts, map(noisy_blocks, pictures, seen)))

    def _level_tiles(self, pictures, masks):
        """The tiles to estimate on, (picture, rows, columns), by their side."""
        found = defaultdict(list)
        for index, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
            blocks = noisy_blocks(picture, mask)
            # A colour network has learned the level of small patches, in which it differs less;
            # and only small tiles fit between plain parts.
            whole = self.planes == 1 and not has_plain_parts(blocks)
            side = tile_side(picture.shape[:2]) if whole else TILE_SIDES[0]
            found[side] += [(index, *tile) for tile in noisy_tiles(blocks, picture.shape[:2], side)]
        return found

    def restore(
        self,
        pictures: np.ndarray,
        levels: np.ndarray | None = None,
        *,
        mirror: bool | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Restores pictures; what is of one colour, a frame or all of one, stays as it is.

        Args:
            pictures: float32 N×H×W×C in [0, 1].
            levels: the noise level of each picture, N; without, every tile's is estimated.
            mirror: whether to average with the restored mirror image; None as the model does.
            progress: called with (passes done, passes in all) after each forward pass.

        Returns:
            float32 N×H×W×C, not clipped.
        """
        insides = [inside_frame(picture) for picture in pictures]
        if all(inside == insides[0] for inside in insides):
            parts = [(slice(None), *inside) for inside in insides[:1]]
        else:
            parts = [(slice(row, row + 1), *inside) for row, inside in enumerate(insides)]
        restored = pictures.copy(order="K")  # what is plain stays as it is
        parts = [part for part in parts if restored[part].size]
        plans = [self._passes_over(restored[part].shape) for part in parts]
        total = sum(map(len, plans))
        done = 0
        for part, plan in zip(parts, plans, strict=True):
            of_part = None if levels is None else levels[part[0]]
            for rows, place in plan:
                self._restore_tiles(pictures[part], of_part, mirror, rows, place, restored[part])
                done += 1
                if progress is not None:
                    progress(done, total)
        return restored

    def _passes_over(self, shape):
        """The passes over N×H×W×C pictures: which of them, and where their tile begins."""
        side = tile_side(shape[1:3])
        places = tile_places(shape[1:3], side, overlap=2 * self._margin_of(shape[1:3]))
        size = chunk_size(side)
        chunks = [slice(start, start + size) for start in range(0, shape[0], size)]
        return [(rows, place) for place in places for rows in chunks]

    def _margin_of(self, shape):
        """How much context the tiles of a picture need around what is kept of them."""
        return 0 if self.fits_one_tile(shape) else self._margin

    def _restore_tiles(self, pictures, levels, mirror, rows, place, restored):
        """Restores one tile of some pictures into `restored`."""
        top, left = place
        side, margin = tile_side(pictures.shape[1:3]), self._margin_of(pictures.shape[1:3])
        cut = pictures[rows, top : top + side, left : left + side]
        height, width = cut.shape[1:3]
        result = self._forward(padded(cut, side), None if levels is None else levels[rows], mirror)
        # Keep what is a margin away from the tile's edges, and all of it at the picture's.
        up, before = margin * (top > 0), margin * (left > 0)
        restored[rows, top + up : top + height, left + before : left + width] = result[
            :, up:height, before:width
        ]

    def _forward(self, tiles, levels, mirror):
        """Restores N×S×S×C tiles, averaged with the mirror image by the model or else by us."""
        name = "restore" if levels is None else "restore given sigma"
        if mirror is False and self.averages_mirror:
            name += " without mirror"
        restored = self._run(name, tiles, levels)
        if mirror and not self.averages_mirror:
            restored = (restored + self._run(name, tiles[:, :, ::-1], levels)[:, :, ::-1]) / 2
        return restored

    def _run(self, name, tiles, levels=None):
        """One forward pass of N×S×S×C tiles, compiled once for each side."""
        inputs = [np.ascontiguousarray(tiles, np.float32)]
        if levels is not None:
            inputs.append(np.ascontiguousarray(levels, np.float32).reshape(-1, 1, 1, 1))
        count, side = tiles.shape[:2]
        key = (name, side, 1 if count == 1 else None)
        with self._lock:
            if key not in self._passes:
                self._passes[key] = compile_pass(PARTS[name](self.model), side, batch=key[2])
            return self._passes[key](*inputs)


def _unless_empty(inside):
    """What is inside a frame; where nothing is, all of the picture."""
    return inside if all(span.stop > span.start for span in inside) else (slice(None), slice(None))
