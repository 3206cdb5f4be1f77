"""A log-in from end to end, at the edge: wait the turn, check the password in a thread, then write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.passwords import LONGEST, Passwords, check_password
from staycalm.domains.accounts.sign_in.queries import find_credentials
from staycalm.domains.accounts.sign_in.tries import await_turn, record_failure, wrong_credentials
from staycalm.domains.accounts.sign_in.values import Credentials
from staycalm.kit.database import Database

Pause = Callable[[float], Awaitable[None]]


class Hashing(Protocol):
    """What a new password is judged and hashed with."""

    @property
    def settings(self) -> AccountsSettings: ...

    @property
    def passwords(self) -> Passwords: ...


async def hash_password(edge: Hashing, password: str, *own: str) -> str:
    """Return the hash of a new password. Raises Invalid for a weak one; `own` are words it must not be."""
    check_password(password, shortest=edge.settings.password_shortest, not_containing=own)
    return await edge.passwords.hash(password)


async def check_sign_in(
    db: Database, passwords: Passwords, pause: Pause, *, handle: str, password: str, address: str
) -> Credentials:
    """Return what was checked, for `start_session` or `start_token`. Raises Unauthenticated, Unavailable.

    Wrong tries wait longer and longer (`sign_in.decisions`); nobody is ever locked out. Neither the
    answer nor the time it takes tells whether the handle exists.
    """
    wait_s = await db.write(await_turn, handle, address)
    if wait_s > 0:
        await pause(wait_s)
    found = await db.read(find_credentials, handle)
    is_right = await passwords.verify(found.password_hash if found else None, password[: LONGEST + 1])
    if found is None or not is_right:
        await db.write(record_failure, handle, address, "wrong password" if found else "no such person")
        raise wrong_credentials()
    return found
