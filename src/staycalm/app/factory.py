"""Putting the parts together: one ASGI application, one engine, one live hub, and the adapters."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI

import staycalm
from staycalm import __version__
from staycalm.adapters.probes import LocalHost
from staycalm.app import assembly, live_pages, system, wiring
from staycalm.app.edge import Edge
from staycalm.app.openapi import new_api
from staycalm.app.outside import Outside, connect
from staycalm.app.settings import Settings
from staycalm.app.watch_self import SelfWatch
from staycalm.core.events import Event, Recorded
from staycalm.engine.loop import LONGEST_SLEEP_S, Engine
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.directory import DataDirectory
from staycalm.kit.http import Views, install_problem_details
from staycalm.kit.http.direct import Direct
from staycalm.kit.http.headers import BodyLimit, SecurityHeaders
from staycalm.kit.live import LiveHub
from staycalm.kit.observability import Observability, Observed
from staycalm.kit.subscriptions import Subscriptions
from staycalm.web.assets import Assets, CompressedPages

logger = logging.getLogger("staycalm.app")
DEAF_SLEEP_S = 0.1
UNLIMITED_BODIES = ("/api/v1/releases/artifacts",)
# Where a server that listens everywhere is reached from its own machine.
EVERYWHERE = {"0.0.0.0": "127.0.0.1"}
START_OF_CERTIFICATE, END_OF_CERTIFICATE = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class Application:
    """Everything one server process runs. `start`, then `run` until told to stop, then `stop`."""

    def __init__(
        self, settings: Settings, directory: DataDirectory, database: Database, clock: SystemClock, port: int
    ) -> None:
        self.settings = settings
        self.directory = directory
        self.database = database
        scheme = "https" if settings.server.certificate_file else "http"
        self.url = settings.server.public_url.rstrip("/") or f"{scheme}://{settings.server.address}:{port}"
        self.local_url = f"{scheme}://{EVERYWHERE.get(settings.server.address, settings.server.address)}:{port}"
        self.assets = Assets(Path(str(files(staycalm))) / "web" / "static")
        self.outside = connect(settings, directory, database)
        self.observability = Observability()
        subscriptions = Subscriptions(wiring.subscriptions(settings))
        database.subscriptions = subscriptions
        self.edge = Edge(directory, database, self.outside)
        self.engine = Engine(
            database,
            subscriptions,
            wiring.reconcilers(settings, self.outside, self.url, LocalHost(database, directory.path)),
            # Two containers may have one host name, and both be process 1.
            holder=f"{socket.gethostname()}:{os.getpid()}:{database.ids.token(6)}",
            uses_leases=not database.is_sqlite,
            has_edge=self.edge.is_held,
        )
        self.live = LiveHub(live_pages.draws(database, self.views, partial(system.look, self)))
        self.pulse = live_pages.Pulse(database, self.live)
        database.commit_listeners.append(self._on_commit)
        self.self_watch = SelfWatch(self)
        direct = Direct(self._asgi(), assembly.direct_routes())
        observed = Observed(direct, figures=self.observability, monotonic=clock.monotonic)
        self.asgi = SecurityHeaders(CompressedPages(BodyLimit(observed, unlimited=UNLIMITED_BODIES)))

    @property
    def views(self) -> Views:
        if not hasattr(self, "_views"):
            self._views = Views(template_folders(), self.database.clock)
            self._views.environment.globals["assets"] = self.assets
        return self._views

    def _asgi(self) -> FastAPI:
        app = new_api()
        app.state.database = self.database
        app.state.views = self.views
        app.state.live = self.live
        app.state.application = self
        app.state.own_health = partial(system.look, self)
        assembly.fill_state(app.state, self.settings, self.outside, self.database, self.url)
        install_problem_details(app)
        app.router.routes.extend(assembly.routes().routes)
        app.mount("/static", self.assets, name="static")
        return app

    def _on_commit(self, emitted: Sequence[Recorded[Event]]) -> None:
        for recorded in emitted:
            self.observability.events.labels(recorded.event.name).inc()
        self.live.touch(*live_pages.topics_touched_by(emitted))

    async def start(self) -> None:
        """The adapters are up, first-start secrets are printed, and the local `sc` can find the server."""
        await self.edge.take()
        await assembly.first_start(self.database, self.settings, self.outside, self.directory, self.local_url)
        self.directory.announce(
            url=self.local_url,
            certificate=_certificate(self.settings),
            ends_all=self.outside.ends_with_server,
        )
        logger.info("StayCalm is ready", extra={"url": self.url, "version": __version__})

    async def run(self, stopping: asyncio.Event) -> None:
        """Drive the engine and the live pages until `stopping` is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.engine.run(stopping))
            group.create_task(self.live.run(stopping))
            group.create_task(self.pulse.run(stopping))
            group.create_task(self.edge.keep(stopping))
            group.create_task(self.self_watch.run(stopping))
            if not self.database.is_sqlite:
                # Only here: on SQLite a start does without PostgreSQL's driver, and its 50 ms.
                from staycalm.kit.database.listen import listen

                group.create_task(
                    listen(self.database.url, stopping, wake=self.engine.wake, healthy=self._is_listening)
                )

    def _is_listening(self, healthy: bool) -> None:
        self.engine.longest_sleep_s = LONGEST_SLEEP_S if healthy else DEAF_SLEEP_S
        if not healthy:
            self.engine.wake()  # not deaf for the rest of a long sleep

    async def stop(self) -> None:
        """Nothing of this process is announced or open any more; services and their proxy go on."""
        self.directory.withdraw()
        await self.outside.stop()
        self.edge.release()


def build(
    settings: Settings, directory: DataDirectory, database: Database, clock: SystemClock, port: int
) -> Application:
    """Return the application, not started yet."""
    return Application(settings, directory, database, clock, port)


def _certificate(settings: Settings) -> str | None:
    """Return what the server shows to TLS clients (PEM): the local `sc` trusts exactly that, whatever its name."""
    file = settings.server.certificate_file
    if file is None:
        return None
    head, mark, _ = file.read_text(encoding="ascii", errors="replace").partition(END_OF_CERTIFICATE)
    start = head.rfind(START_OF_CERTIFICATE)
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(head[start:] + mark + "\n"))


def template_folders() -> dict[str, Path]:
    """Return `domain -> templates folder` for every domain that has one, and `web`."""
    root = Path(str(files(staycalm)))
    folders = {"web": root / "web" / "templates"}
    for folder in sorted((root / "domains").rglob("templates")):
        name = "/".join(folder.parent.relative_to(root / "domains").parts)
        folders[name] = folder
    return folders


__all__ = ["Application", "Outside", "build"]
