"""What the routes of accounts need besides the database. The wiring puts it into `app.state.accounts`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from staycalm.domains.accounts.guard import AccountsGuard
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.flow import Pause
from staycalm.domains.accounts.sign_in.passwords import Passwords


@dataclass(frozen=True)
class AccountsEdge:
    """Settings, the password threads, the guard, and how a slowed log-in waits."""

    settings: AccountsSettings
    passwords: Passwords
    guard: AccountsGuard
    pause: Pause = asyncio.sleep


def _edge(request: Request) -> AccountsEdge:
    edge: AccountsEdge = request.app.state.accounts
    return edge


async def _myself(request: Request) -> Identity:
    return await _edge(request).guard.require_signed_in(request)


Edge = Annotated[AccountsEdge, Depends(_edge)]
Mine = Annotated[Identity, Depends(_myself)]
"""Whoever is signed in, whatever their roles: for what is one's own."""
