"""Servers that start in a third of the time: forked from a process that has imported everything and done nothing.

Importing is two thirds of what a start costs, and no part of what a crash can break. Every twentieth start is the
real command line all the same, so that both are shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.processes.servers import Server

REAL_START_EVERY = 20
NURSERY = """
import gc, json, os, signal, sys
gc.disable()
import staycalm.app.server
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
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            os.write(2, f"the server {pid} died of signal {os.WTERMSIG(status)}\\n".encode())
signal.signal(signal.SIGCHLD, reap)
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["sc up", "up", "--data", asked["data"]]
    os._exit(main())
"""


class Born:
    """A process as `subprocess.Popen` shows one, as far as `Server` asks."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return 0 once it has ended, whatever its exit code was."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        return 0


class Nursling(Server):
    """A server that is launched by a nursery, and now and then by its command line. `launches` counts both."""

    def __init__(self, nursery: subprocess.Popen[str], directory: Path, **environment: str) -> None:
        super().__init__(directory, **environment)
        self._nursery = nursery
        self.launches = 0

    def launch(self) -> Server:
        self.launches += 1
        if self.launches % REAL_START_EVERY == 0:
            return super().launch()
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        asked = {
            "data": str(self.directory),
            "log": str(self.directory.parent / f"{self.directory.name}.log"),
            "environment": self.whole_environment(),
        }
        self._nursery.stdin.write(json.dumps(asked) + "\n")
        self._nursery.stdin.flush()
        self.process = Born(int(self._nursery.stdout.readline()))  # type: ignore[assignment]
        return self


@contextlib.contextmanager
def nursery() -> Iterator[subprocess.Popen[str]]:
    """A process that forks servers; one that still runs is killed by who asked for it."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield running
        finally:
            running.kill()
