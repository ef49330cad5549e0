"""One network as ONNX files, run by ONNX Runtime.

    >>> network = Network.load("model_card/onnx")                       # doctest: +SKIP
    >>> sigma = network.estimate(noisy)                                 # doctest: +SKIP
    >>> restored = network.restore(noisy, sigma)                        # doctest: +SKIP

A network is two files of any picture size: `estimator.onnx`, picture to noise level, and
`restorer.onnx`, picture and noise level to restored picture. Other facts about the network stand
in the metadata of `restorer.onnx`.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olivetti_denoiser.release import POINTER

if TYPE_CHECKING:
    import onnxruntime

ESTIMATOR, RESTORER = "estimator.onnx", "restorer.onnx"
FILES = (ESTIMATOR, RESTORER)
# Keys of the metadata of `restorer.onnx`. Files without them are of releases up to v1.0.0: their
# restorer averages over the mirror image inside its graph, so nothing is left to be done.
MIRROR, STRIDE, PARAMETERS = "mirror", "stride", "parameters"
LARGEST_STRIDE = 64
CHANNELS = (1, 3)


class Network:
    """The two ONNX sessions of one network.

    It may be called from any number of threads at once, pickled, and used after a fork.

    Args:
        files: The content of `estimator.onnx` and of `restorer.onnx`.
        providers: Execution providers of ONNX Runtime, best first; None runs on the CPU.
        name: What errors call the network, such as its folder.

    Attributes:
        files: The content of both files, as given.
        channels: 1 of a gray network, 3 of a colour network.
        mirror: Whether the network is meant to be averaged over the picture and its mirror image.
        stride: Height and width of a picture must be multiples of this.
        parameters: How many weights the network has; None where its files do not say.

    Raises:
        ValueError: The files are damaged, or not those of a denoiser.
    """

    def __init__(
        self,
        files: Sequence[bytes],
        providers: Sequence[str] | None = None,
        name: str = "the network",
    ):
        self.files, self._name = tuple(files), name
        self._providers = list(providers or ["CPUExecutionProvider"])
        self._sessions: tuple[onnxruntime.InferenceSession, ...] | None = None
        _NETWORKS.add(self)
        inputs = [
            [entry.shape[1:2] for entry in self._session(name).get_inputs()] for name in FILES
        ]
        fitting = [count for count in CHANNELS if inputs == [[[count]], [[count], [1]]]]
        if not fitting:
            raise ValueError(
                f"{ESTIMATOR} takes a picture of 1 or 3 channels, and {RESTORER} such a picture "
                f"and a noise level; these files are of something else. Received: {name}"
            )
        self.channels = fitting[0]
        metadata = self._session(RESTORER).get_modelmeta().custom_metadata_map
        self.mirror = metadata.get(MIRROR) == "true"
        self.stride = int(metadata.get(STRIDE, LARGEST_STRIDE))
        self.parameters = int(metadata[PARAMETERS]) if PARAMETERS in metadata else None

    @classmethod
    def load(cls, folder: str | Path, providers: Sequence[str] | None = None) -> Network:
        """Load a network from the folder with its two files.

        Args:
            folder: The folder, `onnx` of a model folder.
            providers: See the class.

        Raises:
            ValueError: A file is missing, damaged, or a pointer of git-lfs.
        """
        files = []
        for name in FILES:
            path = Path(folder) / name
            if not path.is_file():
                raise ValueError(f"a network needs {' and '.join(FILES)}. Received: no {path}")
            files.append(path.read_bytes())
            if files[-1].startswith(POINTER):
                raise ValueError(
                    "this is a pointer of git-lfs, not the file that it stands for; `git lfs pull` "
                    f"fetches the file. Received: {path}"
                )
        return cls(files, providers, str(folder))

    def __reduce__(self) -> tuple:
        """Copy the files alone; sessions belong to one process."""
        return type(self), (self.files, self._providers, self._name)

    def estimate(self, pictures: np.ndarray) -> np.ndarray:
        """Return the noise level of each picture: float32 N, fractions of the range.

        Args:
            pictures: float32 N×C×H×W in [0, 1].
        """
        return self._run(ESTIMATOR, pictures).reshape(-1)

    def restore(self, pictures: np.ndarray, sigma: float | np.ndarray) -> np.ndarray:
        """Return restored pictures, one pass without the mirror image: float32 N×C×H×W.

        Args:
            pictures: float32 N×C×H×W in [0, 1], H and W multiples of `stride`.
            sigma: The noise level of each picture, N, or a number for a single picture.
        """
        return self._run(RESTORER, pictures, np.reshape(sigma, (-1, 1, 1, 1)))

    def _run(self, name: str, *values: Any) -> np.ndarray:
        session = self._session(name)
        names = [entry.name for entry in session.get_inputs()]
        arrays = [np.ascontiguousarray(value, np.float32) for value in values]
        return session.run(None, dict(zip(names, arrays, strict=True)))[0]

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        if self._sessions is None:
            self._sessions = tuple(map(self._open, self.files))
        return self._sessions[FILES.index(name)]

    def _start_anew(self) -> None:
        """Open other sessions at the next call: a fork leaves the threads of these behind.

        The old ones are never freed, since that would wait for these threads for ever.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._sessions))
        self._sessions = None

    def _open(self, content: bytes) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; warnings speak of its own optimizations
        options.enable_cpu_mem_arena = False  # it would keep the memory of the largest picture
        # Threads that wait without sleep take the time of all others: on a busy machine a face
        # costs 90 ms of the processors with it and 24 ms without.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(content, options, providers=self._providers)
        except Exception as error:  # a class for each way in which a file is broken
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(
                f"ONNX Runtime cannot open the network: {reason}. Received: {self._name}"
            ) from None


def _after_fork() -> None:
    for network in list(_NETWORKS):
        network._start_anew()


_NETWORKS: weakref.WeakSet[Network] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
