"""A server whose engine works, with an inbox to send to and a service to look at: for what people do first."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller

from staycalm.adapters.smtp import SmtpSettings
from staycalm.app.settings import Settings
from staycalm.domains.oncall.public import record_server
from staycalm.kit.database.tables import metadata
from staycalm.kit.directory import DataDirectory
from tests.browser.server import Server


class Inbox:
    """Takes every mail and keeps its recipients and text."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos[0], envelope.content.decode()))
        return "250 taken"


class Clinic(ThreadingHTTPServer):
    """A service that is as well as `status` says."""

    status = 200

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the test's output is for the test."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Clinic.Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/health"


class Working(Server):
    """The engine runs too: messages leave, and what is declared is looked at."""

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super()._serve())
            group.create_task(self.application.engine.run(self._stopping))
        await self.application.outside.stop()


@contextmanager
def reachable(folder: Path) -> Iterator[tuple[Working, Inbox, Clinic]]:
    """Yield an empty server that works, its inbox and a service; all are gone afterwards."""
    inbox, clinic = Inbox(), Clinic()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    mail = Controller(inbox, hostname="127.0.0.1", port=port)
    mail.start()
    threading.Thread(target=clinic.serve_forever, daemon=True).start()
    settings = Settings(smtp=SmtpSettings(host="127.0.0.1", port=port, security="none"))
    tables = sa.create_engine(DataDirectory(folder).create().database_url)
    metadata.create_all(tables)
    tables.dispose()
    server = Working(folder, settings)
    try:
        server.write(record_server, channels=server.application.outside.channels, settings=settings.oncall)
        yield server, inbox, clinic
    finally:
        server.stop()
        clinic.shutdown()
        clinic.server_close()
        mail.stop()
