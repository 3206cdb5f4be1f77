"""Passwords as argon2id (RFC 9106, second recommended option), computed in threads of their own.

A hash takes about 50 ms and 64 MiB on purpose: it must run neither in a transaction nor in the event
loop, and only a few at once.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import argon2

from staycalm.core.errors import Invalid

LONGEST = 128


class Passwords:
    """Hashes and checks passwords, `threads` at a time. Lives as long as the process; `close` ends it."""

    def __init__(self, hasher: argon2.PasswordHasher | None = None, *, threads: int = 2) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        # Compared against when there is no such person, so that the answer takes as long.
        self._nobodys = _nobodys(self._hasher)

    async def hash(self, password: str) -> str:
        """Return the encoded argon2id hash."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether the password is the one behind `stored`; None is nobody's, and takes as long."""
        verifying = asyncio.get_running_loop().run_in_executor(
            self._pool, self._verify, stored or self._nobodys, password
        )
        return await verifying and stored is not None

    def close(self) -> None:
        """No thread is left."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def _nobodys(hasher: argon2.PasswordHasher) -> str:
    """Return a hash of no password, encoded as argon2 does: checking it costs what checking any costs.

    A real one would take a start 0.2 s.
    """
    salt, digest = (_encoded(secrets.token_bytes(length)) for length in (hasher.salt_len, hasher.hash_len))
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _encoded(raw: bytes) -> str:
    return b64encode(raw).rstrip(b"=").decode()


def check_password(password: str, *, shortest: int, not_containing: tuple[str, ...] = ()) -> None:
    """Raise Invalid when the password is too short, too long, one word repeated, or says who owns it."""
    next_step = f"Use at least {shortest} characters; four random words are good."
    if len(password) < shortest:
        raise Invalid("weak-password", f"the password has fewer than {shortest} characters", next_step=next_step)
    if len(password) > LONGEST:
        raise Invalid("weak-password", f"the password has more than {LONGEST} characters", next_step="Shorten it.")
    if len(set(password.casefold())) < 5:
        raise Invalid("weak-password", "the password repeats few characters", next_step=next_step)
    lowered = password.casefold()
    if any(len(each) > 3 and lowered.replace(each.casefold(), "") == "" for each in not_containing):
        raise Invalid("weak-password", "the password is your own name", next_step=next_step)
