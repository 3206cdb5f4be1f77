"""`sc down --all`: nothing of a data directory runs any more, in the order that hurts the fewest requests."""

from __future__ import annotations

import asyncio
from pathlib import Path

from staycalm.adapters.envoy import EnvoyRouter
from staycalm.adapters.filestore import FileStore
from staycalm.adapters.process import ProcessTarget
from staycalm.app.settings import Settings
from staycalm.core.errors import Unavailable
from staycalm.kit.clock import SystemClock
from staycalm.kit.directory import DataDirectory
from staycalm.kit.settings import load
from staycalm.ports.errors import PortError

REASON = "ended by sc down --all"


def end_everything(directory: DataDirectory, settings_file: Path | None) -> str:
    """The proxy has finished its requests and is gone, then every service instance; returns a sentence.

    The database keeps what ought to run: the next `sc up` starts it again. Raises Conflict while a server
    still runs there, Unavailable when something does not end.
    """
    if not directory.path.is_dir():
        return f"Nothing is kept in {directory.path}."
    settings = load(Settings, settings_file or directory.settings_file)
    with directory.lock("server", who="a StayCalm server"), directory.lock("edge", who="a StayCalm server"):
        try:
            return asyncio.run(_end(directory, settings))
        except PortError as error:
            raise Unavailable(
                "still-running", f"not everything has ended: {error}", next_step="Try again; it goes on there."
            ) from None


async def _end(directory: DataDirectory, settings: Settings) -> str:
    clock = SystemClock()
    proxy = EnvoyRouter(directory.folder("envoy"), settings.envoy, clock)
    processes = ProcessTarget(
        settings.process,
        FileStore(directory.path / settings.artifacts.directory),
        clock,
        directory=directory.path / settings.process.directory,
        die_with_parent=False,
    )
    served = await proxy.end_found()
    ended = await processes.stop_all(reason=REASON)
    told = [*(["the proxy"] if served else []), *ended]
    left = " What commands of yours have started goes on." if settings.exec.commands else ""
    if not told:
        return f"Nothing else was running.{left}"
    return f"Ended: {', '.join(told)}. `sc up` starts it all again.{left}"
