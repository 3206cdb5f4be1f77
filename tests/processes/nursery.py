"""Servers that start in a third of the time: forked from a process that has imported everything and done nothing.

Importing is two thirds of what a start costs, and no part of what a crash can break. Every twentieth start is the
real command line all the same, so that both are shown; so is the start of another version of the code.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.processes.servers import PATIENCE_S, Server

REAL_START_EVERY = 20
NURSERY = """
import contextlib, gc, json, os, signal, sys, traceback
gc.disable()
import staycalm.app.server
# What the first request imports, or the making of a new database:
import anyio._backends._asyncio, encodings.idna, pydantic.v1, staycalm.kit.database.steps
from staycalm.app.command import main
gc.freeze()
gc.enable()
def reap(*_):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        told = os.path.join(sys.argv[1], str(pid))
        with open(told + ".new", "w") as file:
            file.write(str(os.waitstatus_to_exitcode(status)))
        os.rename(told + ".new", told)
signal.signal(signal.SIGCHLD, reap)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    pid = os.fork()
    if pid:
        with contextlib.suppress(FileNotFoundError):  # the end of another one, whose number came round again
            os.unlink(os.path.join(sys.argv[1], str(pid)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        print(pid, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["sc up", *asked["arguments"]]
    try:
        code = main() if asked["program"] is None else exec(asked["program"], {}) or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)
"""


class Born:
    """A process as `subprocess.Popen` shows one, as far as `Server` asks."""

    def __init__(self, pid: int, codes: Path) -> None:
        self.pid = pid
        self._code = codes / str(pid)

    def poll(self) -> int | None:
        """Return its exit code once it has ended, as `subprocess` does: minus the signal that killed it."""
        with contextlib.suppress(FileNotFoundError):
            return int(self._code.read_text())
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        return code


class Nursery:
    """The process that servers are forked from."""

    def __init__(self) -> None:
        self._codes = Path(tempfile.mkdtemp(prefix="sc-nursery-"))
        self._launches = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(self._codes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def is_next_one_real(self) -> bool:
        self._launches += 1
        return self._launches % REAL_START_EVERY == 0

    def bear(self, log: Path, environment: dict[str, str], *arguments: str, program: str | None = None) -> Born:
        """The command line runs in a process of its own, or the program where everything is imported."""
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"log": str(log), "environment": environment, "arguments": arguments, "program": program}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Born(int(self._process.stdout.readline()), self._codes)

    def run(self, *arguments: str, program: str | None = None) -> tuple[int, str]:
        """Return the exit code and everything that was said."""
        log = self._codes / "said"
        log.unlink(missing_ok=True)
        born = self.bear(log, {"PATH": os.environ["PATH"]}, *arguments, program=program)
        return born.wait(PATIENCE_S), log.read_text(encoding="utf-8")

    def close(self) -> None:
        """It is gone; a server of it that still runs is killed by who asked for it."""
        with self._process:
            self._process.kill()
        shutil.rmtree(self._codes)


@functools.cache
def nursery() -> Nursery:
    """Return the one of this process, for as long as it lasts."""
    found = Nursery()
    atexit.register(found.close)
    return found


class Nursling(Server):
    """A server that is launched by the nursery, and now and then by its command line."""

    def launch(self) -> Server:
        if "PYTHONPATH" in self.environment or nursery().is_next_one_real():
            return super().launch()
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.process = nursery().bear(  # type: ignore[assignment]
            self.directory.parent / f"{self.directory.name}.log",
            self.whole_environment(),
            *("up", "--data", str(self.directory)),
        )
        return self


@contextlib.contextmanager
def servers(folder: Path, **environment: str) -> Iterator[Callable[..., Server]]:
    """`make("name", **environment)` is a server in its own data directory; none runs afterwards."""
    made: list[Server] = []

    def make(name: str, **more: str) -> Server:
        made.append(Nursling(folder / name, **environment, **more))
        return made[-1]

    try:
        yield make
    finally:
        for server in made:
            if server.process is not None and server.process.poll() is None:
                server.process.kill()
                server.process.wait(timeout=PATIENCE_S)
