"""Several devices and processes that train one network: Keras's `DataParallel` on JAX.

    denoiser train --batch-size 64                             # every GPU of this machine
    srun denoiser train --batch-size 64 --distributed          # one process a task
    mpirun -n 2 denoiser train --batch-size 64 --distributed

    >>> initialize()
    >>> processes = data_parallel(config.batch_size)
    >>> with processes.scope():
    ...     model.fit(processes.local_batches(batches))

Every device holds the whole network and computes its part of each global batch; the gradients are
summed over NCCL between GPUs and over gloo between CPUs. What starts the processes also watches
them: Slurm, Open MPI, Kubernetes. On one device nothing changes.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from olivetti_denoiser.errors import DisconnectedError
from olivetti_denoiser.train.batches import LocalBatches

HEARTBEAT_TIMEOUT = 60  # seconds without a sign of life after which JAX ends a run
KERAS_VARIABLES = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)
STATUS = re.compile(r"[A-Z_]+: ")  # how JAX's own errors begin: UNAVAILABLE, INTERNAL, UNKNOWN, …


def initialize(heartbeat_timeout: int = HEARTBEAT_TIMEOUT) -> None:
    """Connects this process to the others of its run; before any array is made.

    JAX knows its place from Slurm, Open MPI and Kubernetes. Elsewhere Keras's variables say it:
    `KERAS_DISTRIBUTION_JOB_ADDRESSES` (HOST:PORT of the first process, or of all, separated by
    commas), `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID` (from 0).

    Args:
        heartbeat_timeout: seconds without a sign of life after which JAX takes a process for lost.

    Raises:
        ValueError: the backend is not JAX, or nothing says where the other processes are.
        DisconnectedError: the other processes cannot be reached.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(
            f"--distributed needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}"
        )
    import jax

    place = _place_from_keras_variables()
    # With it, JAX notes SIGTERM and goes on. A run keeps its state after each epoch and can stop.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(**place, heartbeat_timeout_seconds=heartbeat_timeout)
    except ValueError as error:
        raise ValueError(
            "--distributed needs srun, mpirun, Kubernetes or the variables "
            f"{', '.join(KERAS_VARIABLES)} to say where the other processes are. "
            f"Received: {error}"
        ) from None
    except jax.errors.JaxRuntimeError as error:
        raise DisconnectedError(f"the other processes cannot be reached: {error}") from error


def _place_from_keras_variables() -> dict[str, Any]:
    """The arguments of `jax.distributed.initialize` that Keras's variables give, if they are set.

    `keras.distribution.initialize` reads the same variables but knows no heartbeat.
    """
    given = {name: os.environ[name] for name in KERAS_VARIABLES if os.environ.get(name)}
    if not given:
        return {}
    if len(given) < len(KERAS_VARIABLES):
        raise ValueError(
            f"{', '.join(KERAS_VARIABLES)} belong together. Received: only {', '.join(given)}"
        )
    addresses, *numbers = (given[name] for name in KERAS_VARIABLES)
    if not all(number.isdecimal() for number in numbers):
        raise ValueError(
            f"{' and '.join(KERAS_VARIABLES[1:])} are whole numbers. "
            f"Received: {' and '.join(numbers)}"
        )
    count, index = map(int, numbers)
    return {
        "coordinator_address": addresses.split(",")[0],
        "num_processes": count,
        "process_id": index,
    }


def data_parallel(batch_size: int) -> Processes:
    """Returns the processes of this run, with all devices that they have.

    Args:
        batch_size: pictures of a global batch.

    Raises:
        ValueError: the devices cannot share a batch of this size evenly.
    """
    if keras.backend.backend() != "jax":
        return Processes()
    import jax

    if jax.device_count() == 1:
        return Processes()
    check_batch_size(batch_size, jax.device_count())
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    return Processes(distribution, jax.process_index(), jax.process_count())


def check_batch_size(batch_size: int, devices: int) -> None:
    """Checks that every device gets as many pictures of each global batch.

    Raises:
        ValueError: they do not; the message names the nearest sizes that would work.
    """
    if batch_size % devices:
        below, above = (batch_size // devices + extra for extra in (0, 1))
        sizes = f"{below * devices} or {above * devices}" if below else f"{above * devices}"
        raise ValueError(
            f"batch_size is that of all devices together, and must be a multiple of their number, "
            f"{devices}; {sizes} would do. Received: batch_size={batch_size}"
        )


class Processes:
    """The processes that train one network, seen from one of them.

    The first one measures, writes and prints; the others only compute.

    Attributes:
        distribution: how Keras places variables and batches; None on a single device.
        index: which of the processes this one is, from 0.
        count: how many processes there are.
    """

    def __init__(
        self,
        distribution: keras.distribution.DataParallel | None = None,
        index: int = 0,
        count: int = 1,
    ):
        self.distribution, self.index, self.count = distribution, index, count

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that measures, writes and prints."""
        return self.index == 0

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """What is built and fitted inside lies on all devices.

        Raises:
            DisconnectedError: an exchange with the other processes failed.
        """
        if self.distribution is None:
            yield
            return
        with self._exchange(), self.distribution.scope():
            yield

    @contextlib.contextmanager
    def _exchange(self):
        """Tells a failed exchange from other errors, and ends the process without waiting."""
        try:
            yield
        except DisconnectedError:
            raise
        except Exception as error:
            if self.count == 1 or not _is_from_jax(error):
                raise
            atexit.register(_exit_at_once)
            reason = " ".join(str(error).split())
            raise DisconnectedError(
                f"the other processes are lost ({reason}); the same command goes on after the "
                "last epoch"
            ) from error

    def local_batches(self, batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
        """Returns this process's part of each batch of a dataset of global batches."""
        return batches if self.count == 1 else LocalBatches(batches, self.index, self.count)

    def broadcast(self, content: bytes) -> bytes:
        """Returns what the first process gave, in every process."""
        if self.count == 1:
            return content
        from jax.experimental.multihost_utils import broadcast_one_to_all

        with self._exchange():
            length = int(broadcast_one_to_all(np.int32(len(content))))
            buffer = np.zeros(length, np.uint8)
            if self.is_first:
                buffer[:] = np.frombuffer(content, np.uint8)
            return np.asarray(broadcast_one_to_all(buffer)).tobytes() if length else b""

    def first_does(self, action: Callable[[], object]) -> None:
        """Calls a function in the first process; its ValueError is raised in every process.

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

    def check_same(self, what: str, content: bytes) -> None:
        """Checks that every process has the same bytes.

        Args:
            what: what they are, for the message.
            content: the bytes of this process.

        Raises:
            ValueError: another process has other ones.
        """
        if self.count == 1:
            return
        from jax.experimental.multihost_utils import process_allgather

        with self._exchange():
            checksums = np.ravel(process_allgather(np.uint32(zlib.crc32(content)))).tolist()
        differing = [str(index) for index, one in enumerate(checksums) if one != checksums[0]]
        if differing:
            raise ValueError(
                f"all processes need the same {what}. "
                f"Received: other ones in process {', '.join(differing)}"
            )

    def check_same_batches(self, batches: keras.utils.PyDataset) -> None:
        """Checks that every process makes the same global batches, of which it takes its part.

        Raises:
            ValueError: the first batch differs.
        """
        if self.count == 1:
            return
        arrays = map(np.ascontiguousarray, keras.tree.flatten(batches[0]))
        content = b"".join(array.tobytes() for array in arrays)
        self.check_same("pictures and packages, as they make other batches", content)

    def callbacks(self, *measuring: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
        """Returns the callbacks that measure each epoch, or receive what the first one measured.

        Args:
            measuring: callbacks that add to an epoch's logs; they run in the first process alone.
        """
        here = list(measuring) if self.is_first else []
        return here if self.count == 1 else [*here, BroadcastLogs(self)]

    def shutdown(self) -> None:
        """Leaves the other processes after the last exchange."""
        if self.count > 1:
            import jax

            jax.distributed.shutdown()


def _exit_at_once():
    """Ends the process with exit code 3 in place of JAX's own exit handler.

    That one would wait for the lost process until the heartbeat times out, and abort.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(3)


def _is_from_jax(error):
    """Whether an exchange failed, or Keras failed to tidy up after one that did."""
    import jax

    while error is not None:
        # Some failed exchanges come as a ValueError; our own errors begin with no status code.
        if isinstance(error, jax.errors.JaxRuntimeError) or (
            isinstance(error, ValueError) and STATUS.match(str(error))
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


class BroadcastLogs(keras.callbacks.Callback):
    """Gives the first process's figures of each epoch to all, so that all stop at the same one."""

    def __init__(self, processes: Processes):
        super().__init__()
        self.processes = processes

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Replaces the logs by those of the first process."""
        content = json.dumps(logs, default=float).encode()
        logs.update(json.loads(self.processes.broadcast(content)))


@contextlib.contextmanager
def on_one_device() -> Iterator[None]:
    """What is computed inside is computed by this process alone, on its first device."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
