"""The whole application in this process, on an empty SQLite database, and somebody of every role to ask it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from staycalm.app.factory import Application
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM, Actor
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.public import ROLES, assume_role, invite
from staycalm.domains.accounts.sign_in.tokens import create_service_token, create_token
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database, Tx
from staycalm.kit.database.tables import metadata
from staycalm.kit.directory import DataDirectory
from staycalm.kit.ids import Ids

DAY_S = 86400.0
NOBODY = "nobody"
ASKERS = (NOBODY, *ROLES)


@dataclass
class Asked:
    """The application and a token for every role. `ask` sends one request as somebody."""

    application: Application
    tokens: dict[str, str]
    runner: asyncio.Runner
    client: httpx.AsyncClient

    def ask(self, who: str, method: str, path: str, **named: Any) -> httpx.Response:
        headers = {"Accept": "application/json", **named.pop("headers", {})}
        if who != NOBODY:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return self.runner.run(self.client.request(method, path, headers=headers, **named))


@contextlib.contextmanager
def running(folder: Path, url: str = "") -> Iterator[Asked]:
    """Yield the application on the empty database at `url`, else on SQLite; nothing of the outside is started."""
    directory = DataDirectory(folder)
    directory.create()
    clock = SystemClock()
    database = Database(url or directory.database_url, clock, Ids(clock))
    metadata.create_all(database.engine)
    with asyncio.Runner() as runner:
        application = Application(Settings(), directory, database, clock, 7700)
        transport = httpx.ASGITransport(application.asgi, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7700", timeout=20)
        tokens = {role: runner.run(database.write(_token, role)) for role in ROLES}
        try:
            yield Asked(application, tokens, runner, client)
        finally:
            runner.run(client.aclose())
            runner.run(application.outside.stop())
            database.close()


def _token(tx: Tx, role: str) -> str:
    """Return the token of somebody who holds this role and no other."""
    if role == "ci":
        return create_service_token(tx, SYSTEM, name="pipeline", valid_s=DAY_S, longest_s=90 * DAY_S).secret
    handle = f"a-{role}"
    standing = [] if role == "on-call" else [role]
    invite(tx, SYSTEM, handle=handle, name=handle, email=f"{handle}@example.org", roles=standing)
    if role == "on-call":
        assume_role(tx, SYSTEM, handle, role, until=tx.now + timedelta(days=1), cause="test")
    identity = Identity(Actor("person", handle), frozenset({role}), "session")
    made = create_token(tx, identity, name="test", roles=[role], valid_s=DAY_S, longest_s=90 * DAY_S)
    return made.secret
