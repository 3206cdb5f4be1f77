"""How the proxy's process is begun, and how its end is heard of at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from staycalm.adapters.envoy.binary import Binary
from staycalm.adapters.envoy.files import Layout, disk_trouble
from staycalm.adapters.envoy.settings import EnvoySettings

LAUNCHER = Path(__file__).with_name("launcher.py")


def arguments(layout: Layout, settings: EnvoySettings, binary: Binary) -> list[str]:
    """Return the proxy's command line."""
    workers = settings.concurrency or min(os.cpu_count() or 1, 4)
    drain_s = str(max(1, round(settings.drain_timeout_s)))
    return [
        str(binary.path), "-c", str(layout.bootstrap), "--disable-hot-restart",
        "--concurrency", str(workers), "--log-path", str(layout.log), "-l", "warning",
        "--file-flush-interval-msec", "100", "--drain-time-s", drain_s, "--drain-strategy", "immediate",
    ]  # fmt: skip


def spawn(layout: Layout, settings: EnvoySettings, command: list[str]) -> subprocess.Popen[bytes]:
    """The command runs in a session of its own, no file of it grows beyond the limit; raises OutsideUnavailable.

    Called on the event loop's thread: death with the parent means this thread's.
    """
    # Where the kernel lets a parent set a child's limits, no interpreter has to start first: every millisecond
    # counts when a killed proxy comes back. Signals that Python ignores stay ignored, SIGXFSZ among them.
    sets_limits = hasattr(resource, "prlimit") and not settings.die_with_parent
    if not sets_limits:
        parent = os.getpid() if settings.die_with_parent else 0
        limit = str(settings.file_limit_bytes)
        command = [sys.executable, "-I", "-S", str(LAUNCHER), limit, str(parent), *command]
    try:
        with layout.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=layout.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                restore_signals=not sets_limits,
            )
    except OSError as error:
        raise disk_trouble(Path(error.filename or layout.log), error) from None
    if sets_limits:
        with contextlib.suppress(ProcessLookupError):
            _limit(child.pid, settings.file_limit_bytes)
    return child


def _limit(pid: int, file_bytes: int) -> None:
    _, highest = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    wanted = file_bytes if highest == resource.RLIM_INFINITY else min(file_bytes, highest)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wanted, highest))
    _, most_files = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    if most_files != resource.RLIM_INFINITY:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most_files, most_files))


class End:
    """Told by the kernel (pidfd_open(2)); where it cannot be, `is_told` is False and somebody has to look."""

    def __init__(self, *, is_told: bool) -> None:
        self.is_told = is_told
        self._event = asyncio.Event()

    def has_come(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """The process has ended, or the time has."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)


@contextlib.contextmanager
def end_of(pid: int) -> Iterator[End]:
    """Inside, the end of the process is heard of at once."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        yield End(is_told=False)
        return
    end, loop = End(is_told=True), asyncio.get_running_loop()
    loop.add_reader(descriptor, end.has_come)
    try:
        yield end
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
