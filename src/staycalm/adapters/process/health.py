"""One look at whether an instance is well. Never raises; every look ends at its time-out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from staycalm.ports.deploy import HealthCheck
from staycalm.ports.traffic import Endpoint


async def is_well(
    check: HealthCheck,
    endpoint: Endpoint | None,
    *,
    command: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> bool:
    """Return whether the instance says it is well.

    http: 2xx or 3xx (not followed) at `path`; tcp: a connection is accepted; command: exit code 0 of
    `command`, run with `environment` in `directory`, its process group killed at the time-out;
    none: always.
    """
    if check.kind == "none":
        return True
    if check.kind == "command":
        return await _command_succeeds(command, environment or {}, directory, check.timeout_s)
    if endpoint is None:
        return False
    if check.kind == "tcp":
        return await _accepts(endpoint, check.timeout_s)
    return await _answers(endpoint, check.path or "/", check.timeout_s)


async def _answers(endpoint: Endpoint, path: str, timeout_s: float) -> bool:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    try:
        # A connection of its own for each look: a kept one would not notice that nobody accepts any more.
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.get(
                f"http://{host}:{endpoint.port}{path}",
                allow_redirects=False,
                headers={"User-Agent": "staycalm-health"},
            ) as answer,
        ):
            return 200 <= answer.status < 400
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False


async def _accepts(endpoint: Endpoint, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (TimeoutError, OSError):
        return False
    return True


async def _command_succeeds(
    command: tuple[str, ...], environment: Mapping[str, str], directory: Path | None, timeout_s: float
) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return False
    try:
        async with asyncio.timeout(timeout_s):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
