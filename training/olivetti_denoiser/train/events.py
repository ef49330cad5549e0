"""The experiment view: pictures of the restored validation faces among the TensorBoard events.

    tensorboard --logdir outputs/model.run
    >>> callbacks = [validation, RestoredFaces(validation, config.epochs, folder)]

Keras's own callback writes the losses and the learning rate; this one adds the faces. It needs the
tensorboard package but no particular backend.
"""

from __future__ import annotations

import io
import math
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.train.validation import Validation

ROUNDS = 5  # showings in a run, beside the first; all events stay under 300 kB
FACES = 8  # how many of them; the Hub's tab and the repository are no place for megabytes
COLUMNS = 4


class RestoredFaces(keras.callbacks.Callback):
    """Write grids of validation faces: noisy and original once, restored every few epochs.

    Args:
        validation: The callback that restores them, which must come before this one.
        epochs: How many the run has.
        folder: Where the events go.
    """

    def __init__(self, validation: Validation, epochs: int, folder: Path):
        super().__init__()
        self.validation, self.folder = validation, folder
        self.epochs, self.every = epochs, math.ceil(epochs / ROUNDS)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the faces of some epochs."""
        if (epoch + 1) % self.every and epoch + 1 not in (1, self.epochs):
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        values = []
        for tag, faces in self.validation.shown.items():
            if tag == "restored" or epoch == 0:
                file, grid = io.BytesIO(), Image.fromarray(face_grid(faces))
                grid.save(file, format="PNG", optimize=True)
                image = Summary.Image(
                    height=grid.height,
                    width=grid.width,
                    colorspace=len(grid.getbands()),
                    encoded_image_string=file.getvalue(),
                )
                values.append(Summary.Value(tag=f"validation_faces/{tag}", image=image))
        # One file a round: nothing stays open, so a killed run leaves no half-written grid behind.
        writer = EventFileWriter(str(self.folder))
        writer.add_event(Event(wall_time=time.time(), step=epoch, summary=Summary(value=values)))
        writer.close()


def face_grid(faces: np.ndarray) -> np.ndarray:
    """Return the first faces side by side, four a row, with 8 bits.

    Args:
        faces: N×H×W×1 or N×H×W×3 in [0, 1]; of more than four, whole rows are shown.
    """
    columns = min(len(faces), COLUMNS)
    count = min(len(faces), FACES) // columns * columns
    rows = [faces[start : start + columns] for start in range(0, count, columns)]
    return to_uint8(np.concatenate([np.concatenate(row, axis=1).squeeze() for row in rows]))
