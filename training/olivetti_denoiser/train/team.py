"""The devices that train one network together: several GPUs, several workers, or the only one.

    >>> team = assemble(config.batch_size)
    >>> with team.scope():
    ...     model = ...
    ...     model.fit(team.share(batches))

Keras distributes (`keras.distribution.DataParallel` on JAX): every device holds the whole network
and a part of each batch, and the gradients are summed over gloo (CPUs) or NCCL (GPUs). On other
backends, and where there is one device, a team changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import zlib

import keras
import numpy as np

from olivetti_denoiser.errors import DisconnectedError
from olivetti_denoiser.train.trainer import PULSE
from olivetti_denoiser.train.workers import Workers, check_batch_size

STATUS = re.compile(r"[A-Z_]+: ")  # how JAX's own errors begin: UNAVAILABLE, INTERNAL, UNKNOWN, …
LEAST_CAPABILITY = 8  # of NVIDIA's GPUs that compute in bfloat16: Ampere and later


def join(workers: Workers) -> None:
    """Joins this process to those of the other workers; before any array is made.

    Raises:
        ValueError: the backend is not JAX.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(
            f"several workers need KERAS_BACKEND=jax. Received: {keras.backend.backend()}"
        )
    keras.distribution.initialize(
        ",".join(workers.addresses), len(workers.addresses), workers.index
    )


def assemble(batch_size: int) -> Team:
    """Returns the team of all devices that there are: this machine's, and those joined before.

    Raises:
        ValueError: the devices cannot share a batch of this size evenly.
    """
    if keras.backend.backend() != "jax":
        return Team()
    import jax

    if jax.device_count() == 1:
        return Team()
    check_batch_size(batch_size, jax.device_count(), "devices")
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    return Team(distribution, jax.process_index(), jax.process_count())


class Team:
    """All devices of a run, seen from one of its processes.

    Attributes:
        distribution: how Keras places variables and batches; None on a single device.
        index: this process's place.
        size: how many processes there are.
    """

    def __init__(self, distribution=None, index: int = 0, size: int = 1):
        self.distribution, self.index, self.size = distribution, index, size

    @property
    def first(self) -> bool:
        """Whether this process is the one that measures, writes and speaks."""
        return self.index == 0

    @contextlib.contextmanager
    def scope(self):
        """What is built and fitted inside lies on all devices of the team.

        Raises:
            DisconnectedError: an exchange with the other processes failed.
        """
        if self.distribution is None:
            yield
            return
        try:
            with self.distribution.scope():
                yield
        except Exception as error:
            if self.size == 1 or not _is_from_jax(error):
                raise
            raise DisconnectedError(str(error)) from error

    def share(self, batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
        """Returns this process's part of each batch of a dataset of global batches."""
        return batches if self.size == 1 else Share(batches, self)

    def broadcast(self, content: bytes) -> bytes:
        """Returns what the first process gave, in every process."""
        if self.size == 1:
            return content
        from jax.experimental.multihost_utils import broadcast_one_to_all

        length = int(broadcast_one_to_all(np.int32(len(content))))
        buffer = np.zeros(length, np.uint8)
        if self.first:
            buffer[:] = np.frombuffer(content, np.uint8)
        return np.asarray(broadcast_one_to_all(buffer)).tobytes() if length else b""

    def check_same(self, batches: keras.utils.PyDataset) -> None:
        """Checks that all processes make the same batches.

        Raises:
            ValueError: they do not.
        """
        if self.size == 1:
            return
        from jax.experimental.multihost_utils import process_allgather

        arrays = keras.tree.flatten(batches[0])
        checksum = zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
        checksums = np.asarray(process_allgather(np.uint32(checksum))).ravel().tolist()
        others = [str(index) for index, one in enumerate(checksums) if one != checksums[0]]
        if others:
            raise ValueError(
                "all workers need the same pictures and packages, since each makes the whole batch "
                f"and takes its part. Received: another first batch on worker {', '.join(others)}"
            )

    def callbacks(self, *measuring: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that measure each epoch, or give what the first process measured.

        Args:
            measuring: callbacks that add to an epoch's logs, in the first process alone.
        """
        here = list(measuring) if self.first else []
        return here if self.size == 1 else [Steps(), *here, Agreement(self)]

    def part(self) -> None:
        """Leaves the other processes, once the last exchange is over."""
        if self.size > 1:
            import jax

            jax.distributed.shutdown()


def _is_from_jax(error):
    """Whether an exchange failed, or Keras failed to tidy up after one that did."""
    import jax

    while error is not None:
        # Some that break off come as a ValueError; ours begin with no status code.
        if isinstance(error, jax.errors.JaxRuntimeError) or (
            isinstance(error, ValueError) and STATUS.match(str(error))
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


class Share(keras.utils.PyDataset):
    """One process's part of each global batch: equal parts in the order of the processes.

    Each process makes the whole batch, so that it is the same whatever their number.
    """

    def __init__(self, batches: keras.utils.PyDataset, team: Team):
        super().__init__()
        self.batches, self.index, self.size = batches, team.index, team.size

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        batch = keras.tree.map_structure(self._part, self.batches[index])
        PULSE.batches += 1
        return batch

    def _part(self, array):
        rows = len(array) // self.size
        return array[self.index * rows : (self.index + 1) * rows]


class Steps(keras.callbacks.Callback):
    """Tells the supervisor when every second without a batch is one too many.

    That is while steps are made, save in the first epoch, in which they are compiled.
    """

    compiled = False

    def on_epoch_begin(self, epoch, logs=None):
        PULSE.stepping = self.compiled

    def on_epoch_end(self, epoch, logs=None):
        PULSE.stepping, self.compiled = False, True


class Agreement(keras.callbacks.Callback):
    """Gives the first process's figures of each epoch to all, who decide alike when to stop."""

    def __init__(self, team: Team):
        super().__init__()
        self.team = team

    def on_epoch_end(self, epoch, logs=None):
        logs.update(json.loads(self.team.broadcast(json.dumps(logs, default=float).encode())))


@contextlib.contextmanager
def apart():
    """What is computed inside is computed by this process alone, on its first device."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


@contextlib.contextmanager
def mixed_precision():
    """What is built inside computes in bfloat16 where the hardware does; its weights are float32.

    On CPUs, on older GPUs and on other backends than JAX it changes nothing.
    """
    before = keras.config.dtype_policy()
    if has_bfloat16():
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def has_bfloat16() -> bool:
    """Whether this machine's devices compute in bfloat16 faster than in float32."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    device = jax.local_devices()[0]
    major = str(getattr(device, "compute_capability", "")).partition(".")[0]
    return device.platform == "tpu" or (major.isdecimal() and int(major) >= LEAST_CAPABILITY)
