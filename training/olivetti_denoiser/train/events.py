"""The experiment view: pictures of the restored validation faces among the TensorBoard events.

    tensorboard --logdir outputs/model.run
    >>> callbacks = [validation, *restored_faces(validation, config, folder)]

Keras's own callback writes the losses and the learning rate; this one adds the faces. It needs the
tensorboard package but no particular backend.
"""

from __future__ import annotations

import io
import math
import time
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.train.callbacks import Validation
from olivetti_denoiser.train.colour_validation import ColourValidation

ROUNDS = 5  # showings in a run, beside the first; all events stay under 300 kB
FACES = 8  # how many of them; the Hub's tab and the repository are no place for megabytes
COLUMNS = 4


def restored_faces(
    validation: Validation | ColourValidation, config: TrainingConfig, folder: str | Path
) -> list[keras.callbacks.Callback]:
    """Returns the callback that shows the validation faces, or none without tensorboard.

    Args:
        validation: the `train.fit.Validation` callback, which must come before this one.
        config: the `TrainingConfig` of the run.
        folder: where the events go.
    """
    if find_spec("tensorboard") is None:
        return []
    return [RestoredFaces(validation, config, Path(folder) / "faces")]


class RestoredFaces(keras.callbacks.Callback):
    """Writes grids of validation faces: noisy and original once, restored every few epochs."""

    def __init__(
        self, validation: Validation | ColourValidation, config: TrainingConfig, folder: Path
    ):
        super().__init__()
        self.validation, self.folder = validation, folder
        self.epochs, self.every = config.epochs, math.ceil(config.epochs / ROUNDS)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the faces of some epochs."""
        if (epoch + 1) % self.every and epoch + 1 not in (1, self.epochs):
            return
        grids = {
            tag: face_grid(faces)
            for tag, faces in self.validation.pictures().items()
            if tag == "restored" or epoch == 0
        }
        # One file a round: nothing stays open, so a killed run leaves no half-written grid behind.
        write_pictures(self.folder, epoch, grids)


def face_grid(faces: np.ndarray) -> np.ndarray:
    """Returns the first faces side by side, four a row, with 8 bits.

    Args:
        faces: N×H×W×1 or N×H×W×3 in [0, 1].
    """
    rows = [faces[start : start + COLUMNS] for start in range(0, min(len(faces), FACES), COLUMNS)]
    rows = [row for row in rows if len(row) == COLUMNS] or rows[:1]
    return to_uint8(np.concatenate([np.concatenate(row, axis=1).squeeze() for row in rows]))


def write_pictures(folder: Path, step: int, pictures: dict[str, np.ndarray]) -> None:
    """Writes an event file with one picture for each tag.

    Args:
        folder: where the event file goes.
        step: the epoch that the pictures belong to.
        pictures: 8-bit H×W or H×W×3 by tag.
    """
    from PIL import Image
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    values = []
    for tag, picture in pictures.items():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="PNG", optimize=True)
        image = Summary.Image(
            height=picture.shape[0],
            width=picture.shape[1],
            colorspace=1 if picture.ndim == 2 else 3,
            encoded_image_string=file.getvalue(),
        )
        values.append(Summary.Value(tag=f"validation_faces/{tag}", image=image))
    writer = EventFileWriter(str(folder))
    writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
    writer.close()
