"""One look at one thing, bounded by a time-out, whatever the thing does."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import aiohttp

from staycalm.adapters.probes.sql import ask
from staycalm.kit.clock import Clock
from staycalm.ports.probes import Probe, ProbeResult

OUTPUT_LIMIT_BYTES = 64 * 1024
DETAIL_LIMIT = 200
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


class LocalProber:
    """Looks from this machine. `close` ends it; every look opens a connection of its own.

    `commands` maps a name to a program and its arguments (from the server's settings). A command probe
    is `(name, *extra arguments)`, runs without a shell, sees none of the server's own environment beyond
    PATH and locale, and is killed with its children at the time-out. Its last line on standard output is
    shown to people, so it must not print secrets.
    """

    def __init__(
        self, clock: Clock, *, commands: Mapping[str, tuple[str, ...]] | None = None, ca_file: Path | None = None
    ) -> None:
        self._clock = clock
        self._commands = dict(commands or {})
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def look(self, probe: Probe) -> ProbeResult:
        """Return what was seen within `probe.timeout_s`; never raises but on cancellation."""
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(probe.timeout_s):
                ok, detail = await self._seen(probe)
        except TimeoutError:
            ok, detail = False, f"no answer within {probe.timeout_s:g} s"
        except aiohttp.ClientConnectorCertificateError:
            ok, detail = False, "the certificate is not trusted"
        except aiohttp.InvalidURL:
            ok, detail = False, "the address is not a URL"
        except aiohttp.ClientConnectorError as error:
            ok, detail = False, _reason(error.os_error)
        except aiohttp.ClientError as error:
            ok, detail = False, f"the connection broke ({type(error).__name__})"
        except (OSError, ValueError) as error:
            ok, detail = False, _reason(error)
        return ProbeResult(ok, self._clock.monotonic() - began, detail)

    async def close(self) -> None:
        """No connection is left open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _seen(self, probe: Probe) -> tuple[bool, str]:
        if probe.kind == "http":
            return await self._http(probe)
        if probe.kind == "tcp":
            return await _tcp(probe.target)
        if probe.kind == "sql":
            return await asyncio.to_thread(
                ask, probe.target, probe.sql, timeout_s=probe.timeout_s, clock=self._clock
            )
        return await self._command(probe.command, probe.environment)

    async def _http(self, probe: Probe) -> tuple[bool, str]:
        headers = {"Host": probe.host_header} if probe.host_header else {}
        session = self._opened()
        # A redirect is an answer of this server; where it leads is somebody else's health.
        async with session.get(
            probe.target, headers=headers, allow_redirects=False, ssl=probe.checks_certificate
        ) as answer:
            status = answer.status
            body = await answer.content.read(OUTPUT_LIMIT_BYTES) if probe.expect_body else b""
        seen = (
            f"HTTP {status}" if probe.expect_status is None else f"HTTP {status}, expected {probe.expect_status}"
        )
        if status != probe.expect_status if probe.expect_status is not None else not 200 <= status < 400:
            return False, seen
        if probe.expect_body and probe.expect_body.encode() not in body:
            return False, f"HTTP {status}, but the answer lacks {probe.expect_body[:80]!r}"
        return True, seen

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
            # A kept connection would hide a listener that takes no new ones.
            connector = aiohttp.TCPConnector(force_close=True, limit=100, ssl=context)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": "StayCalm-probe"},
                auto_decompress=False,
            )
        return self._session

    async def _command(self, command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[bool, str]:
        if not command or command[0] not in self._commands:
            name = command[0] if command else ""
            return False, f"the server's settings name no command {name!r} (probes.commands)"
        return await _run((*self._commands[command[0]], *command[1:]), environment)


async def _tcp(target: str) -> tuple[bool, str]:
    host, colon, port = target.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        return False, f"{target!r} is not HOST:PORT"
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True, "accepts connections"


async def _run(argv: tuple[str, ...], environment: Mapping[str, str]) -> tuple[bool, str]:
    """Run it in a process group of its own, which does not outlive this coroutine."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(environment),
        start_new_session=True,
    )
    try:
        output = await _tail(process.stdout)
        status = await process.wait()
    finally:
        # Also after a normal end: a background child would live on.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
    lines = output.decode(errors="replace").strip().splitlines()
    said = lines[-1].strip()[:DETAIL_LIMIT] if lines else ""
    outcome = "ok" if status == 0 else f"exit status {status}" if status > 0 else f"killed by signal {-status}"
    return status == 0, f"{outcome}: {said}" if said else outcome


async def _tail(stream: asyncio.StreamReader | None) -> bytes:
    """Return the last bytes the command wrote; what went before is thrown away, the pipe never fills."""
    kept = b""
    while stream is not None and (chunk := await stream.read(OUTPUT_LIMIT_BYTES)):
        kept = (kept + chunk)[-OUTPUT_LIMIT_BYTES:]
    return kept


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:DETAIL_LIMIT]
    return f"cannot look ({type(error).__name__})"
