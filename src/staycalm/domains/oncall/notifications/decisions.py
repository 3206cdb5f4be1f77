"""When a message is tried again, through which contact method, and when it is too late. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from staycalm.domains.oncall.contacts.decisions import ContactMethod

Kind = Literal["page", "notice", "test", "over", "digest"]


@dataclass(frozen=True, slots=True)
class Retry:
    """How long one message is tried: waits double from `base_s` to `cap_s`, up to `deadline_s` after queueing."""

    base_s: float
    cap_s: float
    deadline_s: float


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
