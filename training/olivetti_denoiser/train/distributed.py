"""Several devices and processes that train one network: Keras's `DataParallel` on JAX.

    denoiser train --batch-size 64                             # every GPU of this machine
    srun denoiser train --batch-size 64 --distributed          # one process a task
    mpirun -n 2 denoiser train --batch-size 64 --distributed

    >>> initialize()
    >>> processes = data_parallel(config.batch_size)
    >>> with processes.scope():
    ...     model.fit(NoisyFaces(clean, config, part=processes.part(config.batch_size)))

Every device holds the whole network and computes its part of each global batch; the gradients are
summed over NCCL between GPUs and over gloo between CPUs. What starts the processes also watches
them: Slurm, Open MPI, Kubernetes. On one device nothing changes.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from olivetti_denoiser.errors import DisconnectedError, RunStoppedError

HEARTBEAT_TIMEOUT = 60  # seconds without a sign of life after which JAX ends a run
KERAS_VARIABLES = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)


def initialize() -> None:
    """Connect this process to the others of its run, before any array is made.

    JAX knows its place from Slurm, Open MPI and Kubernetes. Elsewhere Keras's variables say it:
    `KERAS_DISTRIBUTION_JOB_ADDRESSES` (HOST:PORT of the first process, or of all, separated by
    commas), `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID` (from 0).
    `keras.distribution.initialize` reads the same variables but knows no heartbeat.

    Raises:
        ValueError: The backend is not JAX, or nothing says where the other processes are.
        DisconnectedError: The other processes cannot be reached.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(
            f"--distributed needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}"
        )
    import jax

    # With it, JAX notes SIGTERM and goes on. A run keeps its state after each epoch and can stop.
    jax.config.update("jax_enable_preemption_service", False)
    given = {name: os.environ[name] for name in KERAS_VARIABLES if os.environ.get(name)}
    address, count, index = (given.get(name) for name in KERAS_VARIABLES)
    try:
        jax.distributed.initialize(
            address.split(",")[0] if address else None,
            int(count) if count else None,
            int(index) if index else None,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
        )
    except ValueError as error:
        raise ValueError(
            "--distributed needs srun, mpirun, Kubernetes or all the variables "
            f"{', '.join(KERAS_VARIABLES)} to say where the other processes are. "
            f"Received: {given or 'none of these'} ({error})"
        ) from None
    except jax.errors.JaxRuntimeError as error:
        raise DisconnectedError(f"the other processes cannot be reached: {error}") from error


def data_parallel(batch_size: int) -> Processes:
    """Return the processes of this run, with all devices that they have.

    Args:
        batch_size: Pictures of a global batch.

    Raises:
        ValueError: The devices cannot share a batch of this size evenly.
    """
    if keras.backend.backend() != "jax":
        return Processes()
    import jax

    devices = jax.device_count()
    if devices == 1:
        return Processes()
    if batch_size % devices:
        raise ValueError(
            f"batch_size is that of all {devices} devices together, and must be a multiple of "
            f"their number; {-(-batch_size // devices) * devices} would do. "
            f"Received: batch_size={batch_size}"
        )
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    return Processes(distribution, jax.process_index(), jax.process_count())


@dataclass(frozen=True)
class Processes:
    """The processes that train one network, seen from one of them.

    The first one measures, writes and prints; the others only compute.

    Attributes:
        distribution: How Keras places variables and batches; None on a single device.
        index: Which of the processes this one is, from 0.
        count: How many processes there are.
    """

    distribution: keras.distribution.DataParallel | None = None
    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Tell whether this process is the one that measures, writes and prints."""
        return self.index == 0

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Place what is built and fitted inside on all devices.

        Raises:
            DisconnectedError: Training with the other processes broke off. The process then ends
                without waiting for them.
        """
        try:
            with self.distribution.scope() if self.distribution else contextlib.nullcontext():
                yield
        except Exception as error:  # lost connections come as errors of many classes
            if self.count == 1 or isinstance(error, RunStoppedError):
                raise
            atexit.register(_exit_at_once)
            reason = " ".join(str(error).split())
            raise DisconnectedError(
                f"training with the other processes broke off ({reason}); the same command goes on "
                "after the last epoch"
            ) from error

    def part(self, batch_size: int) -> slice:
        """Return which rows of each global batch this process computes: equal parts in order."""
        rows = batch_size // self.count
        return slice(self.index * rows, (self.index + 1) * rows)

    def broadcast(self, content: bytes) -> bytes:
        """Return in every process what the first one gave."""
        if self.count == 1:
            return content
        from jax.experimental.multihost_utils import broadcast_one_to_all

        length = int(broadcast_one_to_all(np.int32(len(content))))
        buffer = np.zeros(length, np.uint8)
        if self.is_first:
            buffer[:] = np.frombuffer(content, np.uint8)
        return np.asarray(broadcast_one_to_all(buffer)).tobytes() if length else b""

    def share(self, logs: dict[str, float]) -> None:
        """Replace an epoch's logs by the first process's, so that all stop at the same epoch."""
        logs.update(json.loads(self.broadcast(json.dumps(logs, default=float).encode())))

    def first_does(self, action: Callable[[], object]) -> None:
        """Call a function in the first process; its ValueError is raised in every process.

        Otherwise the first process would end with its reason and the others with a lost connection.
        """
        message = ""
        if self.is_first:
            try:
                action()
            except ValueError as error:
                message = str(error)
        if message := self.broadcast(message.encode()).decode():
            raise ValueError(message)

    def check_same(self, kind: str, content: bytes) -> None:
        """Make sure that every process has the same bytes.

        Args:
            kind: What the bytes are of, for the message.
            content: The bytes of this process.

        Raises:
            ValueError: Another process has other bytes.
        """
        if self.count == 1:
            return
        from jax.experimental.multihost_utils import process_allgather

        checksums = np.ravel(process_allgather(np.uint32(zlib.crc32(content)))).tolist()
        differing = [str(index) for index, sum in enumerate(checksums) if sum != checksums[0]]
        if differing:
            raise ValueError(
                f"all processes need the same {kind}. "
                f"Received: others in process {', '.join(differing)}"
            )

    def shutdown(self) -> None:
        """Leave the other processes after the last exchange."""
        if self.count > 1:
            import jax

            jax.distributed.shutdown()


def _exit_at_once():
    """End the process with exit code 3 in place of JAX's own exit handler.

    That one would wait for the lost process until the heartbeat times out, and abort.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3)


@contextlib.contextmanager
def on_one_device() -> Iterator[None]:
    """Let this process alone compute what is inside, on its first device."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
