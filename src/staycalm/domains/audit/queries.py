"""Reading the event log with filters, page by page."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from staycalm.core.errors import Invalid
from staycalm.core.events import LogEntry
from staycalm.core.pagination import Page, check_limit, cut
from staycalm.kit.database import ReadTx
from staycalm.kit.database.log import SELECT, entry, visible
from staycalm.kit.database.tables import events


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; None matches everything. `name_prefix` is such as `deployments.`."""

    subject: str | None = None
    service: str | None = None
    environment: str | None = None
    actor: str | None = None
    name_prefix: str | None = None


def list_events(
    tx: ReadTx, wanted: Filter, *, limit: int, since: str | None = None, is_newest_first: bool = False
) -> Page[LogEntry]:
    """Return one page of the log. `since` is the cursor of an earlier page; oldest first unless asked.

    Only events that no later commit can precede are told, so that a reader by cursor misses none.
    """
    check_limit(limit)
    conditions = [visible(tx), *_conditions(wanted)]
    order = events.c.seq.desc() if is_newest_first else events.c.seq.asc()
    if since is not None:
        seq = _cursor(since)
        conditions.append(events.c.seq < seq if is_newest_first else events.c.seq > seq)
    rows = tx.rows(SELECT.where(*conditions).order_by(order).limit(limit + 1))
    return cut([entry(row) for row in rows], limit, lambda each: str(each.seq))


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for column, value in (
        (events.c.subject, wanted.subject),
        (events.c.service, wanted.service),
        (events.c.environment, wanted.environment),
        (events.c.actor_id, wanted.actor),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.name_prefix:
        found.append(events.c.name.startswith(wanted.name_prefix, autoescape=True))
    return found


def _cursor(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid("bad-cursor", f"{text!r} is not a cursor", next_step="Use next_cursor of an earlier page.")
    return int(text)
