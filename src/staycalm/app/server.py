"""From a data directory to a serving process: lock, settings, migration, application, clean end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from staycalm.app import console
from staycalm.app.factory import Application, build
from staycalm.app.patience import PatientProtocol
from staycalm.app.settings import Settings
from staycalm.core.errors import Unavailable
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, backup, migrate
from staycalm.kit.database.connect import is_sqlite
from staycalm.kit.directory import DataDirectory
from staycalm.kit.ids import Ids
from staycalm.kit.logs import set_up_logs
from staycalm.kit.settings import load

logger = logging.getLogger("staycalm.app")


def serve(directory: DataDirectory, settings_file: Path | None, *, is_plain: bool = False) -> None:
    """The server has run and ended cleanly. Raises StayCalmError before anything is served or changed.

    With `is_plain` it speaks to a person, else its log is one JSON object a line.
    """
    # Whatever this process writes, the database included, is for its owner alone.
    os.umask(0o077)
    directory.create()
    settings = load(Settings, settings_file or directory.settings_file)
    set_up_logs(settings.server.log_level)
    if is_plain:
        console.speak_plainly()
    url = settings.database.url or directory.database_url
    if is_sqlite(url):
        with directory.lock("server", who="another StayCalm server"):
            _serve_on(directory, settings, url, is_plain=is_plain)
    else:
        _serve_on(directory, settings, url, is_plain=is_plain)
    if is_plain:
        console.farewell(ends_all=settings.envoy.die_with_parent)


def restore(directory: DataDirectory, settings_file: Path | None, file: Path) -> str:
    """The empty database holds what the backup held; returns a sentence that says so.

    Raises Conflict while a server runs or when the database is not empty, Invalid for a bad backup.
    """
    os.umask(0o077)
    directory.create()
    settings = load(Settings, settings_file or directory.settings_file)
    clock = SystemClock()
    with directory.lock("server", who="a StayCalm server"):
        database = Database(settings.database.url or directory.database_url, clock, Ids(clock), inline=True)
        try:
            manifest = backup.restore(database, file)
        finally:
            database.close()
    rows = sum(table["rows"] for table in manifest["tables"].values())
    return f"Restored {rows} rows as of {manifest['at']}. Start the server with `sc up`."


def _serve_on(directory: DataDirectory, settings: Settings, url: str, *, is_plain: bool) -> None:
    clock = SystemClock()
    database = Database(url, clock, Ids(clock), threads=settings.database.threads)
    try:
        migrate.upgrade(database, backups=directory.folder("backups"), kept=settings.database.backups_kept)
        listening = _listen(settings.server.address, settings.server.port)
        application = build(settings, directory, database, clock, listening.getsockname()[1])
        # Not uvloop: between fork and exec it runs Python in the child, which waits for ever when another
        # thread is inside SQLite at that moment; and this process with it (docs/adr/0013).
        with asyncio.Runner() as runner:
            runner.run(_run(application, settings, listening, is_plain=is_plain))
    finally:
        database.close()


def _listen(address: str, port: int) -> socket.socket:
    try:
        listening = socket.create_server((address, port), backlog=1024, reuse_port=False)
        # Accepted connections inherit it. Without it a second answer on one connection waits 40 ms: head and
        # body are two writes, and the client delays its acknowledgement of the first (RFC 896, RFC 1122).
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise Unavailable(
            "port-taken",
            f"cannot listen on {address}:{port}: {error.strerror}",
            next_step="Choose another with SC_SERVER_PORT (0 takes a free one).",
        ) from None


class _Uvicorn(uvicorn.Server):
    """uvicorn without its own signal handlers: this process decides when to stop, and in which order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve_until(self, listening: socket.socket, stopping: asyncio.Event) -> None:
        serving = asyncio.create_task(self.serve(sockets=[listening]))
        await stopping.wait()
        self.should_exit = True
        await serving


async def _run(application: Application, settings: Settings, listening: socket.socket, *, is_plain: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = _Uvicorn(
        uvicorn.Config(
            application.asgi,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
            timeout_keep_alive=15,
            h11_max_incomplete_event_size=64 * 1024,
            ssl_certfile=settings.server.certificate_file,
            ssl_keyfile=settings.server.key_file,
            server_header=False,
            http=PatientProtocol,
        )
    )
    try:
        await application.start()
        if is_plain:
            console.welcome(application)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve_until(listening, stopping))
            group.create_task(application.run(stopping))
    finally:
        await application.stop()
