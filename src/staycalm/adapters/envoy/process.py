"""The proxy's process: started, found again, watched, drained and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from staycalm.adapters.envoy.admin import Admin
from staycalm.adapters.envoy.binary import Binary
from staycalm.adapters.envoy.files import Layout, disk_trouble, read_json, replace
from staycalm.adapters.envoy.identity import Identity, exists, is_kept_waiting, look
from staycalm.adapters.envoy.launching import arguments, end_of, spawn
from staycalm.adapters.envoy.liveness import Patience, Silence
from staycalm.adapters.envoy.settings import EnvoySettings
from staycalm.ports.errors import OutsideUnavailable, PortError

POLL_S = 0.02
_PAUSES_S = (0.0, 0.0, 0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 2.0


def last_lines(path: Path, count: int = 5) -> str:
    """Return the end of a log for a message, or nothing."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join([line.strip() for line in lines if line.strip()][-count:])


class Process:
    """Keeps one Envoy alive. It runs in a session of its own and survives this process unless told otherwise."""

    def __init__(self, layout: Layout, settings: EnvoySettings) -> None:
        self._layout, self._settings = layout, settings
        self._binary: Binary | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.identity: Identity | None = None
        self._untold: bytes | None = None
        self.restarts = 0
        self.failures = 0
        self._since = 0.0
        self.problem: str | None = None
        self.last_end = ""

    @property
    def socket(self) -> Path:
        return self._layout.root / "admin.sock"

    def is_alive(self) -> bool:
        """Return whether the process this one looks after runs."""
        if self._child is not None and self._child.poll() is not None:
            return False
        return self.identity is not None and exists(self.identity)

    def _fingerprint(self, binary: Binary) -> str:
        """What must be equal for a running proxy to be taken over as it is."""
        try:
            bootstrap = self._layout.bootstrap.read_text(encoding="utf-8")
        except OSError:
            bootstrap = ""
        return "\n".join([binary.version, *arguments(self._layout, self._settings, binary)[1:], bootstrap])

    def _launch(self, binary: Binary) -> None:
        """A new process runs."""
        try:
            self.socket.unlink(missing_ok=True)
            self._child = spawn(self._layout, self._settings, arguments(self._layout, self._settings, binary))
        except OSError as error:
            raise disk_trouble(self.socket, error) from None
        self._since = asyncio.get_running_loop().time()
        try:
            self.identity = look(self._child.pid)
        except OSError as error:
            self._child.kill()
            raise disk_trouble(self._layout.pid, error) from None
        if self.identity is not None:
            about = {
                "pid": self.identity.pid,
                "started": self.identity.started,
                "fingerprint": self._fingerprint(binary),
            }
            self._untold = msgspec.json.encode(about)
            # A full disk is no reason not to serve; it is noted as soon as that can be.
            with suppress(PortError):
                self._note()

    def _note(self) -> None:
        """Whoever comes after this process can find the proxy."""
        if self._untold is not None:
            replace(self._layout, self._layout.pid, self._untold, is_synced=False)
            self._untold = None

    def _find(self) -> dict[str, Any] | None:
        """Return what was written of the proxy that runs, which is ours then; None when none does."""
        kept = read_json(self._layout.pid)
        if kept is None:
            return None
        identity = Identity(int(kept["pid"]), str(kept["started"]))
        try:
            if look(identity.pid) != identity:
                return None
        except OSError as error:
            raise disk_trouble(self._layout.pid, error) from None
        self.identity = identity
        return kept

    def was_left(self) -> bool:
        """Return whether a proxy of this directory runs that some process left."""
        return self._find() is not None

    async def end_found(self, admin: Admin) -> bool:
        """No proxy runs, in whatever way one was set up; returns whether one did."""
        was_there = self._find() is not None
        await self.end(admin)
        return was_there

    async def _adopt(self, binary: Binary, admin: Admin) -> bool:
        """Return whether a proxy of ours, set up as we would, runs already; one set up otherwise is ended."""
        kept = self._find()
        if kept is None:
            return False
        if kept.get("fingerprint") == self._fingerprint(binary):
            try:
                if await admin.is_ready():
                    return True
            except OutsideUnavailable:
                pass
        await self.end(admin)
        return False

    async def start(self, binary: Binary, admin: Admin, before_launch: Callable[[], None]) -> bool:
        """The proxy serves and is looked after; returns True when it was found running.

        `before_launch` may refuse that a new one is started. Raises OutsideUnavailable with the last lines of its
        log when it does not become ready.
        """
        self._binary = binary
        adopted = await self._adopt(binary, admin)
        if not adopted:
            before_launch()
            self._launch(binary)
            await self._wait_ready(admin)
        self._watch = asyncio.create_task(self._look_after(admin))
        return adopted

    async def _wait_ready(self, admin: Admin) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.start_timeout_s
        while loop.time() < deadline:
            if not self.is_alive():
                raise OutsideUnavailable(f"the proxy ended at its start: {last_lines(self._layout.log)}")
            try:
                if await admin.is_ready():
                    return
            except OutsideUnavailable:
                pass
            await asyncio.sleep(POLL_S)
        raise OutsideUnavailable(f"the proxy is not ready after {self._settings.start_timeout_s} s")

    async def _look_after(self, admin: Admin) -> None:
        """Whenever the proxy ends or hangs it is started again, from the files and so with the last weights.

        One that does not stay up is tried again after at most five seconds, for as long as it takes. Meanwhile
        `failures` counts the times it ended since it last stayed, and `problem` says why.
        """
        reason = ""
        while True:
            ended = await self._wait_down(admin)
            # Why it did not start says more than that it is not there.
            self.problem = self.last_end = reason or ended
            self.failures, self.restarts, reason = self.failures + 1, self.restarts + 1, ""
            await asyncio.sleep(_PAUSES_S[min(self.failures, len(_PAUSES_S)) - 1])
            try:
                assert self._binary is not None
                self._launch(self._binary)
                await self._wait_ready(admin)
                self.problem = None
            except PortError as error:
                self.problem = reason = str(error)

    async def _wait_down(self, admin: Admin) -> str:
        """The process is gone, by itself or because it hung; returns which, in words."""
        if self.identity is None:
            return f"the proxy ended at once: {last_lines(self._layout.log, 2)}"
        loop, interval_s = asyncio.get_running_loop(), self._settings.liveness_interval_s
        patience = Patience(self._settings.liveness_misses)
        due = loop.time() + interval_s
        with end_of(self.identity.pid) as end:
            while self.is_alive():
                if loop.time() >= due:
                    with suppress(PortError):
                        self._note()
                    silence = await self._ask(admin)
                    if silence is None:
                        patience.heard()
                        due = loop.time() + interval_s
                    elif patience.missed(silence) and self.is_alive():
                        return await self._end_hung(patience.questions)
                await end.wait(max(0.0, due - loop.time()) if end.is_told else POLL_S)
        return f"the proxy ended: {last_lines(self._layout.log, 2)}"

    async def _ask(self, admin: Admin) -> Silence | None:
        """Return None when the proxy said anything at all, to whomever, and the silence otherwise."""
        assert self.identity is not None
        loop, heard = asyncio.get_running_loop(), admin.answers
        began = loop.time()
        try:
            if await admin.is_ready():
                self.problem = None
                self.failures = 0 if began - self._since > _STEADY_S else self.failures
            return None
        except OutsideUnavailable:
            late_s = loop.time() - began - self._settings.admin_timeout_s
        if admin.answers != heard:
            return None
        return Silence(is_kept_waiting(self.identity.pid), late_s)

    async def _end_hung(self, questions: int) -> str:
        assert self.identity is not None
        with suppress(ProcessLookupError):
            os.kill(self.identity.pid, signal.SIGKILL)
        await self._wait_gone(5.0)
        return f"the proxy hung: {questions} questions in a row had no answer; it was ended"

    async def release(self) -> None:
        """The process is no longer looked after, and goes on."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None

    async def end(self, admin: Admin) -> None:
        """The proxy is gone. Requests in flight had `drain_timeout_s` to finish."""
        await self.release()
        if self.is_alive():
            await self._drain(admin)
        for number, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            if not self.is_alive():
                break
            assert self.identity is not None
            try:
                os.kill(self.identity.pid, number)
            except ProcessLookupError:
                break
            await self._wait_gone(patience_s)
        if self.identity is None:
            return
        if self._child is not None:
            self._child.poll()
        self._child = self.identity = None
        for path in (self._layout.pid, self.socket):
            path.unlink(missing_ok=True)

    async def _wait_gone(self, patience_s: float | None = None) -> None:
        """The process has ended, or the patience has."""
        loop = asyncio.get_running_loop()
        deadline = None if patience_s is None else loop.time() + patience_s
        while True:
            if not self.is_alive() or (deadline is not None and loop.time() >= deadline):
                return
            await asyncio.sleep(POLL_S)

    async def _drain(self, admin: Admin) -> None:
        """New connections go elsewhere and none is served any more, or the time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_timeout_s
        try:
            await admin.ask("/healthcheck/fail", post=True)
            await admin.ask("/drain_listeners", post=True)
            while loop.time() < deadline and self.is_alive():
                active = await admin.values(r"^http\..*\.downstream_rq_active$")
                if not any(int(value) for name, value in active.items() if not name.startswith("http.admin.")):
                    return
                await asyncio.sleep(POLL_S)
        except OutsideUnavailable:
            return
