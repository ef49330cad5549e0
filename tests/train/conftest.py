"""One training for all tests of this tier: done in one go, and interrupted and resumed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.network.unet import residual_unet

CONFIG = TrainingConfig(
    epochs=5, steps_per_epoch=3, channels=(4,), blocks=(1,), batch_size=2, validation_faces=8
)
SECONDS = 12  # of the time limit, where each step takes one: too few for the 15 steps


@pytest.fixture(scope="session")
def awake():
    """Build a small network whose every weight is at work."""

    def build(channels=(4, 8), blocks=(1, 1), planes=1):
        model = residual_unet(channels, blocks, planes)
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
        return model

    return build


@pytest.fixture(scope="session")
def pictures():
    """Smooth random pictures in place of faces, 12 of them."""
    coarse = np.random.default_rng(0).random((12, 8, 8, 1), dtype=np.float32)
    clean = np.kron(coarse, np.ones((1, 4, 4, 1), np.float32))
    return Faces(clean, clean, np.arange(12), np.arange(12))


@pytest.fixture(scope="session")
def runs(pictures, tmp_path_factory):
    """The results and folders of a run with a time limit: `whole`, and `resumed` after a kill.

    The kill falls where it could hurt most: after the schedule was shortened, and between the files
    of an epoch, when the best network and the history are those of the epoch and the state is still
    that of the epoch before.
    """
    from olivetti_denoiser.train import fit as module
    from olivetti_denoiser.train import time_limit
    from olivetti_denoiser.train.checkpoint import RunState

    clock, clean = SimpleNamespace(now=0.0), pictures.clean

    def tick(self, batch, logs=None):
        clock.now += 1

    def killed_before_the_state(self, save=RunState._save):
        if len(self.history) == 2:
            raise KeyboardInterrupt
        save(self)

    def fit(name, minutes, **patches):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time_limit, "time", SimpleNamespace(perf_counter=lambda: clock.now))
            for method, function in {"on_train_batch_begin": tick, **patches}.items():
                patch.setattr(RunState, method, function)
            limit = time_limit.TimeLimit(CONFIG, minutes)
            return module.fit(CONFIG, clean[:-8], clean[-8:], folders[name], limit=limit)

    folders = {name: tmp_path_factory.mktemp(name) for name in ("whole", "resumed")}
    whole = fit("whole", SECONDS / 60)
    with pytest.raises(KeyboardInterrupt):
        fit("resumed", SECONDS / 60, _save=killed_before_the_state)
    resumed = fit("resumed", None)  # the shortened schedule is kept with the run
    return SimpleNamespace(whole=whole, resumed=resumed, folders=folders)
