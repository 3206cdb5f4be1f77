"""Reading who has an incident now, whether it came back, and what belongs to asking people for it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.incidents.model import incident_roles
from staycalm.domains.incidents.people.decisions import ASKING, Standing, standing
from staycalm.domains.incidents.queries import Incident
from staycalm.domains.incidents.report.facts import Holder
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import events

MOST_ASKED = 300
_TAKEN, _REOPENED = "incidents.acknowledged", "incidents.reopened"


def standings(tx: ReadTx, found: Sequence[Incident]) -> dict[str, Standing]:
    """Return for each of the incidents, by id, who has it now and whether it came back."""
    ids = [incident.id for incident in found]
    if not ids:
        return {}
    last = _last_of(tx, ids)
    commanders = _commanders(tx, ids)
    return {
        incident.id: standing(
            incident.state,
            taken=last.get((incident.id, _TAKEN)),
            reopened=last.get((incident.id, _REOPENED)),
            commander=commanders.get(incident.id),
        )
        for incident in found
    }


def asking_of(tx: ReadTx, incident: str) -> list[LogEntry]:
    """Return the newest 300 events that tell when people were asked anew and who answered, oldest first."""
    e = events.c
    statement = log.SELECT.where(e.subject == incident, e.name.in_(ASKING))
    return [log.entry(row) for row in reversed(tx.rows(statement.order_by(e.seq.desc()).limit(MOST_ASKED)))]


def _last_of(tx: ReadTx, ids: Sequence[str]) -> dict[tuple[str, str], LogEntry]:
    e = events.c
    newest = (
        sa.select(sa.func.max(e.seq))
        .where(e.subject.in_(ids), e.name.in_((_TAKEN, _REOPENED)))
        .group_by(e.subject, e.name)
    )
    rows = tx.rows(log.SELECT.where(e.seq.in_(newest)).limit(2 * len(ids)))
    return {(row.subject, row.name): log.entry(row) for row in rows}


def _commanders(tx: ReadTx, ids: Sequence[str]) -> dict[str, Holder]:
    c = incident_roles.c
    statement = (
        sa.select(c.incident, c.role, c.person, c.since, c.until)
        .where(c.incident.in_(ids), c.role == "commander", c.until.is_(None))
        .limit(len(ids))
    )
    return {row.incident: Holder(row.role, row.person, row.since, row.until) for row in tx.rows(statement)}
