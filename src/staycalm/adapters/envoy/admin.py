"""Asking the proxy what it really does, through its admin socket."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from staycalm.adapters.envoy.files import Json
from staycalm.ports.errors import OutsideUnavailable

# sun_path holds 108 bytes on Linux, 104 on macOS, with a final zero.
_LONGEST_SOCKET = 100


@dataclass(frozen=True, slots=True)
class FileState:
    """What the proxy says of one watched file: the version in force, and how often it refused one."""

    version: int | None
    refused: int


def _reachable(socket: Path, directory: int | None) -> str:
    """Return a name of the socket that is short enough to connect to."""
    if directory is None or len(str(socket)) < _LONGEST_SOCKET:
        return str(socket)
    return f"/proc/self/fd/{directory}/{socket.name}"


class Admin:
    """One proxy's admin socket. Every question has a time-out; a failure is OutsideUnavailable.

    `answers` counts whatever the proxy ever said.
    """

    def __init__(self, socket: Path, timeout_s: float) -> None:
        self.answers = 0
        self._directory: int | None = None
        if len(str(socket)) >= _LONGEST_SOCKET and Path("/proc/self/fd").is_dir():
            self._directory = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(_reachable(socket, self._directory), limit=8),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """No connection is left open."""
        await self._session.close()
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    async def ask(self, path: str, query: Mapping[str, str] | None = None, *, post: bool = False) -> bytes:
        """Return the answer's body whatever its status."""
        try:
            async with self._session.request(
                "POST" if post else "GET", f"http://envoy{path}", params=query
            ) as answer:
                body = await answer.read()
                self.answers += 1
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise OutsideUnavailable(f"the proxy does not answer ({type(error).__name__})") from None
        if answer.status in (403, 404):
            raise OutsideUnavailable(f"the proxy does not know {path}", retryable=False)
        return body

    async def ask_json(self, path: str, **query: str) -> Json:
        """Return the answer as an object."""
        try:
            value: Any = msgspec.json.decode(await self.ask(path, query))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise OutsideUnavailable(f"the proxy's answer to {path} cannot be understood") from None
        if not isinstance(value, dict):
            raise OutsideUnavailable(f"the proxy's answer to {path} is not an object")
        return value

    async def is_ready(self) -> bool:
        """Return True once the proxy serves."""
        return (await self.ask("/ready")).startswith(b"LIVE")

    async def values(self, pattern: str) -> dict[str, Any]:
        """Return the counters, gauges and texts whose names match, by name."""
        found = await self.ask_json("/stats", format="json", filter=pattern, histogram_buckets="cumulative")
        return {row["name"]: row["value"] for row in found.get("stats", []) if "value" in row}

    async def file_state(self, prefix: str) -> FileState:
        """Return the state of the watched file whose statistics start with `prefix`, such as `http.x.rds.x`."""
        pattern = rf"^{re.escape(prefix)}\.(version_text|update_rejected|update_failure)$"
        return file_state_in(await self.values(pattern), prefix)

    async def routes_in_force(self, listener: str) -> Json:
        """Return the listener's route configuration as the proxy serves it; empty when it serves none."""
        query = {"resource": "dynamic_route_configs", "name_regex": re.escape(listener)}
        dump = await self.ask_json("/config_dump", **query)
        found = [c.get("route_config", {}) for c in dump.get("configs", [])]
        return next((routes for routes in found if routes.get("name") == listener), {})


def file_state_in(values: dict[str, Any], prefix: str) -> FileState:
    """Return the watched file's state out of statistics that were already fetched."""
    text = str(values.get(f"{prefix}.version_text", ""))
    refused = sum(int(values.get(f"{prefix}.{name}", 0)) for name in ("update_rejected", "update_failure"))
    return FileState(int(text) if text.isdigit() else None, refused)
