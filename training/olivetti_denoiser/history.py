"""The history of a training, one mapping an epoch, as `history.csv` holds it.

>>> best_epoch([{"epoch": 1, "val_restored_loss": 0.01}])["epoch"]
1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def best_epoch(history: Sequence[Mapping]) -> Mapping:
    """Return the epoch whose averaged weights are released: the lowest validation loss."""
    return min(history, key=lambda row: row["val_restored_loss"])
