"""Several workers that train together: they start together, and when one is lost all end.

    KERAS_BACKEND=jax denoiser train --workers host1:9000,host2:9000 --worker-index 0

Keras and JAX distribute the training (`train/team.py`). But where a worker dies, JAX waits 100
seconds or aborts the others with a stack trace, and where one hangs, all wait for ever. So each
worker is two processes: the one that trains (`train/trainer.py`), and this one, which holds a
connection to the first worker, over which goes a line a second: how many batches were made.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from olivetti_denoiser import __version__
from olivetti_denoiser.errors import WorkerLostError

BEAT = 1.0  # seconds between two signs of life
MEETING = 300.0  # seconds in which all workers have to be started; JAX waits as long
GRACE = 5.0  # seconds in which a trainer may end by itself, with a reason of its own
NEWS = 2.0  # seconds in which the news of a loss follows an error that it caused
TIMEOUT = 60.0  # seconds after which a silent worker is lost
DISCONNECTED = 75  # exit code of a trainer that lost the others


@dataclass(frozen=True)
class Workers:
    """The workers of one run, and which of them this is.

    Attributes:
        addresses: HOST:PORT of each worker; the first one's is where JAX's coordinator listens.
        index: this worker's place among them; worker 0 writes, the others only compute.
    """

    addresses: tuple[str, ...]
    index: int

    @classmethod
    def parse(cls, text: str, index: int | None) -> Workers:
        """Reads `--workers HOST:PORT,HOST:PORT` and `--worker-index N`.

        Raises:
            ValueError: an address or the index is impossible.
        """
        addresses = tuple(part.strip() for part in text.split(","))
        for address in addresses:
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(
                    f"a worker's address is HOST:PORT, such as 10.0.0.1:9000. Received: {address!r}"
                )
        if len(addresses) < 2 or len(set(addresses)) < len(addresses):
            raise ValueError(f"--workers takes two or more different addresses. Received: {text!r}")
        if index is None or not 0 <= index < len(addresses):
            raise ValueError(
                f"--worker-index must be this worker's place in --workers, from 0 to "
                f"{len(addresses) - 1}. Received: {index}"
            )
        return cls(addresses, index)

    @property
    def first(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.index == 0

    def name(self, index: int) -> str:
        """Returns how messages call a worker."""
        return f"worker {index} ({self.addresses[index]})"


def check_batch_size(size: int, parts: int, what: str) -> None:
    """Checks that every part gets as many pictures of each batch.

    Raises:
        ValueError: they do not; the message names the nearest sizes that would work.
    """
    if size % parts:
        below, above = size // parts * parts, (size // parts + 1) * parts
        sizes = f"{below} or {above}" if below else f"{above}"
        raise ValueError(
            f"batch_size is of the whole step and must be a multiple of the {parts} {what}; "
            f"{sizes} would do. Received: batch_size={size}"
        )


def supervise(
    workers: Workers, command: Sequence[str], settings: dict, timeout: float = TIMEOUT
) -> int:
    """Runs this worker's trainer once all workers are there, until it ends or one is lost.

    Args:
        workers: the workers.
        command: the trainer's command line.
        settings: what must be the same on all workers; values that JSON has.
        timeout: seconds after which a worker that gives no sign is lost.

    Returns:
        The trainer's exit code, which has said itself what was wrong if that is not 0.

    Raises:
        ValueError: the workers were started with different settings, or this one cannot listen at
            its address.
        WorkerLostError: a worker is lost or did not appear.
    """
    return asyncio.run(_Supervisor(workers, command, settings, timeout).run())


@dataclass
class _Worker:
    """What is known of a worker: its connection, its batches, and how it ended."""

    batches: int | None = None  # None where it may take its time: compiling, validating, saving
    moved: float = field(default_factory=time.monotonic)
    ended: bool = False
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    def made(self, batches: int | None) -> None:
        if batches != self.batches or batches is None:
            self.moved = time.monotonic()
        self.batches = batches

    def tell(self, **message) -> None:
        if self.writer and not self.writer.is_closing():
            self.writer.write(json.dumps(message).encode() + b"\n")

    async def hear(self) -> dict:
        """Returns the next message; raises ConnectionError where there will be none."""
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError
        return json.loads(line)


class _Supervisor:
    def __init__(self, workers, command, settings, timeout):
        self.workers, self.command, self.timeout = workers, list(command), timeout
        self.hello = {
            "worker": workers.index,
            "settings": {"workers": list(workers.addresses), "version": __version__, **settings},
        }
        self.team = {index: _Worker() for index in range(len(workers.addresses))}
        self.me = self.team[workers.index]
        self.refused = False  # a worker has ended by itself, with a reason that all may share
        # Every other worker talks to the first one alone.
        others = range(1, len(self.team)) if workers.first else (0,)
        self.peers = {index: self.team[index] for index in others}

    async def run(self) -> int:
        self.lost = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(self._meet(), MEETING)
        except TimeoutError:
            missing = [name for index, name in self._names() if not self.team[index].writer]
            raise WorkerLostError(
                f"{' and '.join(missing)} did not appear within {MEETING:g} s; start every worker "
                "with the same command and its own --worker-index"
            ) from None
        tasks = [asyncio.create_task(self._listen(*peer)) for peer in self.peers.items()]
        tasks.append(asyncio.create_task(self._beat()))
        try:
            with tempfile.TemporaryFile() as scratch:
                return await self._train(scratch)
        finally:
            for task in tasks:
                task.cancel()
            for peer in self.peers.values():
                peer.writer.close()

    async def _train(self, scratch):
        trainer = await self._start(scratch)
        try:
            return await self._watch(trainer, scratch)
        finally:
            if trainer.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    trainer.kill()
                await trainer.wait()

    def _names(self):
        return [(index, self.workers.name(index)) for index in self.peers]

    # Meeting the others

    async def _meet(self):
        if not self.workers.first:
            self._compare(0, await self._be_called())
        else:
            await asyncio.gather(*map(self._call, self.peers))
            for index, peer in self.peers.items():
                self._compare(index, await peer.hear())

    async def _call(self, index):
        """Connects to a worker that is not the first, as soon as that one listens."""
        host, _, port = self.workers.addresses[index].rpartition(":")
        peer, waiting = self.team[index], False
        while peer.writer is None:
            try:
                peer.reader, peer.writer = await asyncio.open_connection(host, int(port))
            except OSError:
                if not waiting:
                    print(f"Waiting for {self.workers.name(index)}", flush=True)
                waiting = True
                await asyncio.sleep(BEAT / 2)
        peer.tell(**self.hello)

    async def _be_called(self):
        """Waits for the first worker's call and returns its hello; strangers are hung up on."""
        called = asyncio.get_running_loop().create_future()

        async def answer(reader, writer):
            caller = _Worker(reader=reader, writer=writer)
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                hello = await asyncio.wait_for(caller.hear(), GRACE)
                if isinstance(hello, dict) and hello.get("worker") == 0 and not called.done():
                    self.team[0].reader, self.team[0].writer = reader, writer
                    return called.set_result(hello)
            writer.close()

        address = self.workers.addresses[self.workers.index]
        host, _, port = address.rpartition(":")
        try:
            server = await asyncio.start_server(answer, host, int(port))
        except OSError as error:
            raise ValueError(
                f"worker {self.workers.index} cannot listen at its address "
                f"({error.strerror or error}); a free port at an address of this machine would do. "
                f"Received: {address}"
            ) from None
        print(f"Waiting for {self.workers.name(0)}", flush=True)
        hello = await called
        server.close()
        self.team[0].tell(**self.hello)
        return hello

    def _compare(self, index, hello):
        theirs, ours = hello["settings"], self.hello["settings"]
        differences = [
            f"{name}: {theirs.get(name)} there, {ours.get(name)} here"
            for name in dict.fromkeys((*ours, *theirs))
            if theirs.get(name) != ours.get(name)
        ]
        if hello["worker"] != index:
            differences.append(f"--worker-index: {hello['worker']} there, {index} expected")
        if differences:
            raise ValueError(
                f"all workers need the same settings ({'; '.join(differences)}). "
                f"Received: {self.workers.name(index)}"
            )

    # Training

    async def _start(self, scratch):
        """Starts the trainer; what JAX's C++ parts print goes to `scratch`, unread as a rule."""
        hears, tells = os.pipe()
        descriptors = (tells, os.dup(1), os.dup(2))
        try:
            trainer = await asyncio.create_subprocess_exec(
                *self.command,
                stdout=scratch,
                stderr=scratch,
                pass_fds=descriptors,
                env=os.environ | {"DENOISER_TRAINER": ",".join(map(str, descriptors))},
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(hears, "rb")
        )
        self.own = asyncio.create_task(self._listen_to_trainer(reader))
        return trainer

    async def _listen_to_trainer(self, reader):
        with contextlib.suppress(TimeoutError):
            timeout = MEETING  # until Python has started
            while line := await asyncio.wait_for(reader.readline(), timeout):
                self.me.made(json.loads(line))
                timeout = self.timeout
            return
        self._lose(self.workers.index, f"gave no sign for {self.timeout:g} s")

    async def _listen(self, index, peer):
        try:
            while not peer.ended:
                message = await asyncio.wait_for(peer.hear(), self.timeout)
                if "lost" in message:
                    self.refused = message["refused"]
                    self._set_lost(message["lost"])
                elif message.get("ended") == 0:
                    peer.ended = True
                    peer.made(None)
                elif "ended" in message:
                    self.refused = 0 < message["ended"] != DISCONNECTED
                    self._lose(index, message["how"])
                else:
                    peer.made(message["batches"])
        except TimeoutError:
            self._lose(index, f"gave no sign for {self.timeout:g} s")
        except (OSError, ValueError):
            self._lose(index, "is gone")

    async def _beat(self):
        while True:
            for peer in self.peers.values():
                peer.tell(batches=self.me.batches)
            if self.workers.first:
                self._look_for_a_standstill()
            await asyncio.sleep(BEAT)

    def _look_for_a_standstill(self):
        """Loses the worker that all wait for: nobody makes a batch, and it has made fewest."""
        counts = {index: worker.batches for index, worker in self.team.items()}
        still = time.monotonic() - max(worker.moved for worker in self.team.values())
        if None in counts.values() or still < self.timeout:
            return
        fewest = min(counts.values())
        behind = [index for index, count in counts.items() if count == fewest]
        if len(behind) == len(counts):
            self._set_lost(f"no worker ended step {fewest} within {self.timeout:g} s")
        else:
            self._lose(behind[0], f"made no batch for {self.timeout:g} s")

    def _lose(self, index, how):
        self._set_lost(f"{self.workers.name(index)} {how}")

    def _set_lost(self, what):
        if not self.lost.done():
            self.lost.set_result(what)

    async def _watch(self, trainer, scratch):
        """Waits for the trainer's end or a worker's, and lets the others know."""
        ending = asyncio.create_task(trainer.wait())
        await asyncio.wait({ending, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done() and not ending.done():
            await asyncio.wait({ending}, timeout=GRACE)
        code = trainer.returncode
        if not self.lost.done():
            # Its end may follow from another's, of which the news is still on its way.
            if code in (DISCONNECTED, -signal.SIGABRT):
                await asyncio.wait({self.lost}, timeout=self.timeout)
            elif code > 0:
                await asyncio.wait({self.lost}, timeout=NEWS)
        if code is None or (code and self.lost.done() and not self.refused):
            await self._tell_all(lost=self.lost.result(), refused=self.refused)
            raise WorkerLostError(_on_the_next_step(self.lost.result()))
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        if code == DISCONNECTED:
            how = "lost the connection to the others"
        await self._tell_all(ended=code, how=how)
        if code < 0 or code == DISCONNECTED:
            raise WorkerLostError(
                _on_the_next_step(f"{self.workers.name(self.workers.index)} {how}", _end(scratch))
            )
        return code

    async def _tell_all(self, **message):
        for peer in self.peers.values():
            peer.tell(**message)
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(peer.writer.drain(), BEAT)


def _on_the_next_step(what, more=""):
    return f"{what}{more}; the same command on every worker goes on after the last epoch"


def _end(scratch):
    """The last line that the trainer's C++ parts wrote, where there is one."""
    scratch.seek(0)
    lines = scratch.read().decode(errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:200]})" if last else ""


def trainer_command(arguments: Sequence[str]) -> list[str]:
    """Returns the command line of this worker's trainer, given that of `denoiser`."""
    return [sys.executable, "-m", "olivetti_denoiser.train.trainer", *arguments]
