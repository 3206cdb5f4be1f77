"""Waiting until a proxy itself says that a file is in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from staycalm.adapters.envoy.admin import Admin
from staycalm.ports.errors import OutsideUnavailable, Rejected, Unconfirmed

CONFIRM_POLL_S = 0.001
Refused = Mapping[str, int]
"""How many files each proxy, by name, had refused before."""


def route_statistics(listener: str) -> str:
    """Return the prefix of a listener's route file in the proxy's statistics."""
    return f"http.{listener}.rds.{listener}"


async def confirm(
    admin: Admin,
    prefix: str,
    version: int,
    *,
    refused: int | None,
    deadline: float,
    newest: Callable[[], int] | None = None,
    may_be_down: Callable[[], bool] = lambda: False,
) -> bool:
    """The proxy says that the file's version is in force, or a later one up to `newest`.

    Returns False when it runs no more and `may_be_down`: started again, it reads the newest file first. Raises
    Rejected when it refused more files than `refused`, Unconfirmed at the loop time `deadline`.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            state = await admin.file_state(prefix)
        except OutsideUnavailable:
            state = None
        highest = version if newest is None else newest()
        if state is not None and state.version is not None and version <= state.version <= highest:
            return True
        if state is None and may_be_down():
            return False
        if state is not None and refused is not None and state.refused > refused:
            raise Rejected(f"the proxy refused version {version} of {prefix}; the one before is in force")
        if loop.time() >= deadline:
            raise Unconfirmed(f"version {version} of {prefix} is written, but the proxy does not confirm it")
        await asyncio.sleep(CONFIRM_POLL_S)
