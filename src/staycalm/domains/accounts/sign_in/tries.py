"""Writing the tries of a log-in: each waits its turn, failed ones are told of, a success forgets them."""

from __future__ import annotations

from staycalm.core.actor import ANONYMOUS, Actor
from staycalm.core.errors import Unauthenticated, Unavailable
from staycalm.domains.accounts.events import SignInFailed, person_subject
from staycalm.domains.accounts.queries import get_person
from staycalm.domains.accounts.secrets import digest
from staycalm.domains.accounts.sign_in.decisions import (
    ANYWHERE,
    FROM_ADDRESS,
    FROM_HERE,
    LONGEST_WAIT_S,
    Pace,
    Tries,
    neighbourhood,
    take_turn,
)
from staycalm.domains.accounts.sign_in.model import tries
from staycalm.domains.accounts.sign_in.queries import find_credentials
from staycalm.domains.accounts.sign_in.values import Credentials
from staycalm.kit.database import Tx


def await_turn(tx: Tx, handle: str, address: str) -> float:
    """Return how many seconds this try has to wait before its password is looked at; it is counted now.

    Raises Unavailable, counting nothing, when the queue of tries from this address is longer than a minute.
    """
    waits: list[float] = []
    taken: list[tuple[str, Tries]] = []
    for key, pace in _keys(handle, address):
        wait_s, remembered = take_turn(_locked_tries(tx, key), tx.now, pace)
        waits.append(wait_s)
        taken.append((key, remembered))
    if max(waits) > LONGEST_WAIT_S:
        raise Unavailable(
            "too-many-tries",
            "too many log-ins from this address are waiting to be checked",
            next_step=f"Try again in {max(waits) - LONGEST_WAIT_S:.0f} s.",
            retry_after_s=max(waits) - LONGEST_WAIT_S,
        )
    for key, now in taken:
        tx.upsert(
            tries, {"key": key, "tried": now.count, "last_at": now.last_at, "next_at": now.next_at}, on=["key"]
        )
    return max(waits)


def record_failure(tx: Tx, handle: str, address: str, reason: str) -> None:
    """The log tells of the failed log-in; what was typed as a handle is only told when such a person exists."""
    known = find_credentials(tx, handle) is not None
    subject = person_subject(handle if known else "unknown")
    tx.emit(ANONYMOUS, SignInFailed(subject=subject, reason=reason, address=address))


def let_in(tx: Tx, checked: Credentials, address: str) -> Actor:
    """Return the person whose password was checked, their own tries forgotten; those of the address count on.

    Raises Unauthenticated when the password changed meanwhile.
    """
    if find_credentials(tx, checked.handle) != checked:
        raise wrong_credentials()
    quiet = [key for key, pace in _keys(checked.handle, address) if pace is not FROM_ADDRESS]
    tx.execute(tries.delete().where(tries.c.key.in_(quiet)))
    return get_person(tx, checked.handle).actor


def wrong_credentials() -> Unauthenticated:
    """Return the refusal, the same whether or not there is such a person."""
    return Unauthenticated("wrong-credentials", "handle or password is wrong", next_step="Try again.")


def _locked_tries(tx: Tx, key: str) -> Tries:
    """Return what is remembered under the key; a concurrent try waits until this transaction has ended."""
    tx.insert_or_ignore(tries, {"key": key, "tried": 0, "last_at": tx.now, "next_at": tx.now}, on=["key"])
    row = tx.rows(tries.select().where(tries.c.key == key).with_for_update())[0]
    return Tries(row.tried, row.last_at, row.next_at)


def _keys(handle: str, address: str) -> tuple[tuple[str, Pace], ...]:
    address = neighbourhood(address)
    return (
        (digest(f"here {handle} {address}"), FROM_HERE),
        (digest(f"address {address}"), FROM_ADDRESS),
        (digest(f"anywhere {handle}"), ANYWHERE),
    )
