"""Accounts and catalog behind HTTP, on a database in memory and on virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import argon2
from fastapi import FastAPI
from starlette.testclient import TestClient

import staycalm
from staycalm.core.actor import Actor
from staycalm.domains.accounts import links, service
from staycalm.domains.accounts.api import router
from staycalm.domains.accounts.edge import AccountsEdge
from staycalm.domains.accounts.guard import AccountsGuard
from staycalm.domains.accounts.pages import page_router
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.passwords import Passwords
from staycalm.domains.audit.api import router as audit_router
from staycalm.domains.catalog.api import router as catalog_router
from staycalm.kit.database import Database
from staycalm.kit.http import Views, install_problem_details
from tests.conftest import VirtualClock, drive

HERE = "http://127.0.0.1:8000"
PASSWORD = "correct horse battery"
ROUTERS = (router, page_router, catalog_router, audit_router)
SYSTEM = Actor("system", "test")


class Server:
    """The application of one test. `waited_s` is what slowed log-ins had to wait, in virtual time."""

    def __init__(self, db: Database, clock: VirtualClock, settings: AccountsSettings) -> None:
        self.db, self.clock = db, clock
        self.waited_s: list[float] = []
        self.passwords = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1), threads=1)
        self.app = FastAPI()
        root = Path(str(files(staycalm)))
        folders = {"web": root / "web/templates", "accounts": root / "domains/accounts/templates"}
        guard = AccountsGuard(db, settings)
        self.app.state.database = db
        self.app.state.guard = guard
        self.app.state.views = Views(folders, clock)
        self.app.state.accounts = AccountsEdge(settings, self.passwords, guard, self._pause)
        self.app.state.catalog_sections = ()
        install_problem_details(self.app)
        for each in ROUTERS:
            self.app.include_router(each)

    async def _pause(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self.clock.advance(seconds=seconds)

    def client(self, *, address: str = "127.0.0.1", base: str = HERE) -> TestClient:
        return TestClient(
            self.app, base_url=base, client=(address, 40000), follow_redirects=False, headers={"Origin": base}
        )

    def person(self, handle: str, *roles: str) -> str:
        """The person exists and has PASSWORD."""
        invitation = drive(
            self.db.write(
                service.invite,
                SYSTEM,
                handle=handle,
                name=handle.title(),
                email=f"{handle}@x.example",
                roles=roles,
            )
        )
        assert invitation is not None
        hashed = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        return drive(self.db.write(links.accept_invitation, invitation.code, hashed))

    def token(self, handle: str, *roles: str) -> dict[str, str]:
        """The person exists; returns headers with a token of theirs."""
        self.person(handle, *roles)
        answer = self.client().post("/api/v1/login", json={"handle": handle, "password": PASSWORD})
        return bearer(answer.json()["token"])

    def browser(self, handle: str, *roles: str) -> TestClient:
        """The person exists and is signed in with this client."""
        self.person(handle, *roles)
        client = self.client()
        assert client.post("/login", data={"handle": handle, "password": PASSWORD}).status_code == 303
        return client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serve(db: Database, clock: VirtualClock, settings: AccountsSettings = AccountsSettings()) -> Iterator[Server]:
    server = Server(db, clock, settings)
    try:
        yield server
    finally:
        server.passwords.close()
