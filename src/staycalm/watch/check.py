"""One look at a server's `/health`, from outside."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import aiohttp

from staycalm.core.text import one_line
from staycalm.watch.settings import WatchSettings

ANSWER_LIMIT_BYTES = 100_000


async def look(settings: WatchSettings) -> str | None:
    """Return None when the server says that it is well, else what is wrong in one sentence; never raises."""
    try:
        async with asyncio.timeout(settings.timeout_s):
            status, body = await _ask(settings)
    except TimeoutError:
        return f"no answer within {settings.timeout_s:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return one_line(f"it cannot be reached: {error or type(error).__name__}")
    said = _read(body)
    if said is None:
        return f"what answers (HTTP {status}) is not StayCalm"
    if status == 200 and said["status"] == "ok":
        return None
    problems = said.get("problems")
    words = (
        "; ".join(str(each) for each in problems) if isinstance(problems, list) and problems else f"HTTP {status}"
    )
    return one_line(f"it says that it is failing: {words}", 500)


async def _ask(settings: WatchSettings) -> tuple[int, bytes]:
    tls = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session,
        session.get(f"{settings.server.rstrip('/')}/health", allow_redirects=False) as answer,
    ):
        return answer.status, await answer.content.read(ANSWER_LIMIT_BYTES)


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("status"), str) else None
