"""The real application on a told story: real routes, real guard, real live stream; the engine stands still."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from staycalm.app.factory import Application, build
from staycalm.app.settings import Settings
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.directory import DataDirectory
from staycalm.kit.ids import Ids
from tests.browser.story import SETTINGS

MOST_S = 120.0


class Server:
    """Runs in a thread of its own until `stop`."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        directory = DataDirectory(folder).create()
        clock = SystemClock()
        self.database = Database(directory.database_url, clock, Ids(clock))
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = int(self._listening.getsockname()[1])
        self.application: Application = build(settings, directory, self.database, clock, port)
        self.url = self.application.local_url
        self._stopping = asyncio.Event()
        config = uvicorn.Config(
            self.application.asgi, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(MOST_S), "the server does not start"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.application.live.run(self._stopping))
            group.create_task(self.application.pulse.run(self._stopping))
            group.create_task(self._server.serve(sockets=[self._listening]))

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Return what the use case returned, run as the application would."""
        assert self._loop is not None
        written = asyncio.run_coroutine_threadsafe(self.database.write(use_case, *args, **named), self._loop)
        return written.result(MOST_S)

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        assert self._loop is not None
        found = asyncio.run_coroutine_threadsafe(self.database.read(query, *args, **named), self._loop)
        return found.result(MOST_S)

    def cut_streams(self) -> None:
        """Every open live stream ends, as when the network is lost; browsers may connect again."""
        assert self._loop is not None
        hub = self.application.live
        for each in list(hub._watchers):
            self._loop.call_soon_threadsafe(hub._cut, each)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._server.should_exit = True
        self._thread.join(MOST_S)
        self.database.close()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
