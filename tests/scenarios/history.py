"""What has happened in a world, read from its database, and told to a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from staycalm.core.events import LogEntry
from staycalm.domains.alerts.model import alerts
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.kit.database import log
from staycalm.kit.database.tables import events
from tests.conftest import drive
from tests.scenarios.running import CrashingDatabase


class History:
    """The log and the rows. A name is an event's full one, with its domain, unless said otherwise."""

    def __init__(self, database: CrashingDatabase) -> None:
        self.database = database

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.read(query, *args, **named))

    def log(self, *names: str, subject: str | None = None) -> list[LogEntry]:
        """Return the events of these full names (all without any), oldest first."""
        found: list[LogEntry] = []
        conditions = [events.c.name.in_(names)] if names else []
        while True:
            page = self.read(log.after, found[-1].seq if found else 0, *conditions, limit=5000)
            found += page
            if len(page) < 5000:
                return [e for e in found if subject in (None, e.subject)]

    def names(self, subject: str) -> list[str]:
        """Return the names of what happened to one subject, without the domain."""
        return [e.name.partition(".")[2] for e in self.log(subject=subject)]

    def alerts(self, rule: str = "") -> list[Any]:
        """Return every alert of the rule, oldest first, as rows."""
        statement = select(alerts).order_by(alerts.c.opened_at, alerts.c.id)
        return [row for row in self.read(lambda tx: tx.rows(statement)) if rule in ("", row.rule)]

    def open_escalations(self) -> list[Any]:
        """Return the escalations that were not stopped, as rows."""
        open_ones = select(escalations).where(escalations.c.open_subject.is_not(None))
        return list(self.read(lambda tx: tx.rows(open_ones)))

    def story(self, last: int = 0) -> str:
        """Return the log as lines for a person."""
        found = self.log()[-last:] if last else self.log()
        return "\n".join(f"{e.at:%a %d %H:%M:%S} {e.subject} {e.name} {_short(e.body)}" for e in found)

    def transcript(self) -> str:
        """Return the whole log, byte for byte comparable."""
        return "\n".join(
            f"{e.seq} {e.at.isoformat()} {e.name} {e.subject} {e.actor} {sorted(e.body.items())!r}"
            for e in self.log()
        )


def _short(body: dict[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in body.items() if k in ("reason", "rule", "person", "people", "weight",
                     "priority", "title", "state", "step", "round", "cause", "summary", "code", "by"))  # fmt: skip
    return text[:200]
