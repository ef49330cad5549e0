"""The training process of one worker of several, started by `train.workers.supervise`.

Its supervisor gives it three open files: one for its signs of life, and the standard output and
error that people see. Its own are a scratch file, for the gossip of JAX's C++ parts.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading

from olivetti_denoiser.errors import DisconnectedError
from olivetti_denoiser.train.workers import BEAT, DISCONNECTED

VARIABLE = "DENOISER_TRAINER"


class Pulse:
    """What the supervisor hears every second: the batches made, or None while that may stand still.

    Attributes:
        batches: how many batches this process has made.
        stepping: whether every second without a batch is one too many.
    """

    def __init__(self):
        self.batches, self.stepping = 0, False

    def send_to(self, descriptor: int) -> None:
        """Starts to send signs of life; without a supervisor to read them the process ends."""
        self._send(descriptor)  # at once: only from then on is silence noticed
        threading.Thread(target=self._keep_sending, args=(descriptor,), daemon=True).start()

    def _keep_sending(self, descriptor):
        ticker = threading.Event()
        while True:
            ticker.wait(BEAT)
            self._send(descriptor)

    def _send(self, descriptor):
        line = json.dumps(self.batches if self.stepping else None)
        try:
            os.write(descriptor, line.encode() + b"\n")
        except OSError:
            os._exit(DISCONNECTED)


PULSE = Pulse()  # one a process


def is_trainer() -> bool:
    """Whether a supervisor has started this process."""
    return VARIABLE in os.environ


@contextlib.contextmanager
def at_work():
    """Ends the process at once where the other workers are out of reach.

    Its supervisor knows which one is lost, and JAX would wait for it on the way out.
    """
    try:
        yield
    except DisconnectedError as error:
        if not is_trainer():
            raise
        os.write(2, f"{error}\n".encode())
        os._exit(DISCONNECTED)


def main() -> None:
    """Runs the command line, and leaves without JAX's farewell, which waits for the others."""
    pulse, *shown = map(int, os.environ[VARIABLE].split(","))
    for name, descriptor in zip(("stdout", "stderr"), shown, strict=True):
        setattr(sys, name, os.fdopen(descriptor, "w", buffering=1, encoding="utf-8"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its supervisor hears it too, and ends it
    PULSE.send_to(pulse)
    from olivetti_denoiser.cli.main import main as run

    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    from olivetti_denoiser.train import trainer  # the one whose PULSE the others see

    trainer.main()
