"""The history of a training: `history.csv`, one row an epoch.

>>> write_history("history.csv", [{"epoch": 1, "val_restored_loss": 0.01}])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_history(path: str | Path, history: Sequence[Mapping]) -> None:
    """Write a history as CSV.

    Args:
        path: The file to write.
        history: One mapping an epoch. The last one says which columns there are; what an earlier
            one lacks is left empty.
    """
    import pandas as pd

    from olivetti_denoiser.atomic import atomic_file

    table = pd.DataFrame(list(history), columns=list(history[-1]))
    with atomic_file(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n")


def best_epoch(history: Sequence[Mapping]) -> Mapping:
    """Return the epoch whose averaged weights are released: the lowest validation loss."""
    return min(history, key=lambda row: row["val_restored_loss"])
