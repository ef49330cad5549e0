"""The errors that a user can meet beside Python's own, by the exit code of the command line.

Errors of picture files are in `images.formats`.
Nothing heavy is imported here, so that any module may raise these and the command line may catch
them by class. A user's mistake is a `ValueError`, not one of these.
"""

from __future__ import annotations


class RunStoppedError(RuntimeError):
    """A run was stopped or refused on purpose; the command line exits with code 3."""


class TrainingStoppedError(RunStoppedError):
    """Training cannot go on; the message says why, and how to go on."""


class RefusedError(RunStoppedError):
    """The model is worse than the published one, or was measured on other faces."""


class DisconnectedError(RunStoppedError):
    """The other processes of a distributed training cannot be reached."""


class FacesUnavailableError(RuntimeError):
    """The Olivetti faces are not in the cache and cannot be downloaded."""


class PublishError(RuntimeError):
    """Publishing stopped half way; the message says which commits stand."""


class DamagedFileError(OSError):
    """A file's bytes are not those that its commit lists."""
