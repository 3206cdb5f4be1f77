"""When a message is tried again, through which contact method, and when it is too late. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from staycalm.ports.messages import ChannelKind

Kind = Literal["page", "notice", "test"]
Health = Literal["untested", "working", "failing"]


@dataclass(frozen=True, slots=True)
class ContactMethod:
    """One way to reach a person. `after_s` is the delay behind the page; None: only when another one failed.

    `position` orders a person's methods. `managed_by` "account" is the e-mail address of their account,
    used while nothing else is declared.
    """

    id: str
    person: str
    kind: ChannelKind
    address: str
    position: int = 0
    after_s: float | None = 0.0
    health: Health = "untested"
    managed_by: Literal["file", "web", "account"] = "web"


@dataclass(frozen=True, slots=True)
class Retry:
    """How long one message is tried: waits double from `base_s` to `cap_s`, up to `deadline_s` after queueing."""

    base_s: float
    cap_s: float
    deadline_s: float


def usable(methods: Iterable[ContactMethod], channels: frozenset[str] | None) -> tuple[ContactMethod, ...]:
    """Return the methods in order whose channel this server has; None means that it has not said yet."""
    return tuple(
        sorted((m for m in methods if channels is None or m.kind in channels), key=lambda m: (m.position, m.id))
    )


def due_times(
    methods: Sequence[ContactMethod], kind: Kind, now: datetime
) -> tuple[tuple[ContactMethod, datetime | None], ...]:
    """Return when each method is used; None keeps it in reserve until another one has failed for good.

    A page uses every method with a delay, a notice only the first: nobody has to wake for it. The
    first method is never in reserve.
    """
    planned: list[tuple[ContactMethod, datetime | None]] = []
    for place, method in enumerate(methods):
        if place == 0:
            planned.append((method, now + timedelta(seconds=method.after_s or 0)))
        elif kind == "page" and method.after_s is not None:
            planned.append((method, now + timedelta(seconds=method.after_s)))
        else:
            planned.append((method, None))
    return tuple(planned)


def next_try(attempts: int, now: datetime, deadline_at: datetime, retry: Retry) -> datetime | None:
    """Return when to try again after `attempts` (1, 2, …) failures; None when that is past the deadline."""
    wait_s = min(retry.cap_s, retry.base_s * 2 ** min(attempts - 1, 20))
    at = now + timedelta(seconds=wait_s)
    return at if at <= deadline_at else None
