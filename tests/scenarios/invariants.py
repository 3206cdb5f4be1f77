"""What is true after every turn, whatever happens. Each function returns sentences about what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.alerts.model import alerts
from staycalm.domains.deployments.model import deployments, placements, revisions
from staycalm.domains.incidents.model import incident_causes, incidents
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import deliveries
from tests.scenarios.paging import check_messages, check_nothing_after_the_end, check_order_of_steps

if TYPE_CHECKING:
    from tests.scenarios.simulation import Simulation

LATE_S = 31.0
FINAL_OF = {
    "deployments.requested": "",
    "deployments.completed": "completed",
    "deployments.rolled_back": "rolled-back",
    "deployments.aborted": "aborted",
    "deployments.rollback_started": "",
    "deployments.rollback_failed": "completed",
}
INCIDENT_OF = {
    "incidents.declared": "triage",
    "incidents.acknowledged": "investigating",
    "incidents.mitigated": "mitigated",
    "incidents.investigation_resumed": "investigating",
    "incidents.resolved": "resolved",
    "incidents.reopened": "triage",
    "incidents.closed": "closed",
}
ESCALATION_OF = {
    "oncall.escalation_started": "escalating",
    "oncall.paged_again": "escalating",
    "oncall.page_acknowledged": "acknowledged",
    "oncall.escalation_exhausted": "exhausted",
    "oncall.escalation_stopped": "stopped",
}


class Checker:
    """Looks when something has changed since the last look; keeps the part of the log it has read."""

    def __init__(self, world: Simulation) -> None:
        self.world = world
        self.looks = 0
        self._is_resting = False
        self._last: tuple[Any, ...] = ()
        self._log: list[LogEntry] = []

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Inside the block nothing can be read."""
        self._is_resting = True
        try:
            yield
        finally:
            self._is_resting = False

    def look(self) -> None:
        """Every invariant holds; raises AssertionError with the story otherwise."""
        if self._is_resting:
            return
        world = self.world
        changes = tuple(len(edge.changes) for edge in world.outside.proxy.edges.values())
        seen = (world.database.told.total(), changes, len(world.outside.email.arrived), len(world.complaints.said))
        if seen == self._last:
            return
        self._last = seen
        self.looks += 1
        found = self.problems()
        if found:
            raise AssertionError("\n".join([*found, "", world.story(60)]))

    def problems(self) -> list[str]:
        world = self.world
        self._follow_log()
        found = [f"the server complained: {said}" for said in world.complaints.said]
        found += world.read(self._of_traffic)
        found += world.read(self._of_deployments)
        found += world.read(self._of_incidents)
        found += world.read(self._of_escalations)
        found += world.read(self._of_lateness)
        return found

    def at_the_end(self) -> None:
        """Nothing waits that nobody will ever look at, and every message has its end."""
        found = self.world.read(check_messages, self._log)
        if found:
            raise AssertionError("\n".join([*found, "", self.world.story(60)]))

    def _follow_log(self) -> None:
        from staycalm.kit.database import log

        while True:
            page = self.world.read(log.after, self._log[-1].seq if self._log else 0, limit=5000)
            self._log += page
            if len(page) < 5000:
                return

    # Traffic

    def _of_traffic(self, tx: ReadTx) -> Iterator[str] | list[str]:
        found: list[str] = []
        proxy = self.world.outside.proxy
        rows = {(r.service, r.environment): r for r in tx.rows(sa.select(placements))}
        over = {r.candidate_revision: r.id for r in tx.rows(
            sa.select(deployments.c.id, deployments.c.candidate_revision)
            .where(deployments.c.state.in_(("rolled-back", "aborted"))))}  # fmt: skip
        for place, edge in proxy.edges.items():
            if edge.in_force is None:
                continue
            generation, split = edge.in_force
            shares = proxy.shares(place)
            if sum(shares.values()) != 100.0:
                found.append(f"{place}: the weights are {shares}")
            row = rows[place.service, place.environment]
            known = {row.generation, row.confirmed_generation}
            if generation not in known and not (split.candidate_weight == 0 and generation - 1 in known):
                found.append(f"{place}: generation {generation} is in force; {sorted(known)} are known")
            numbers = [number for _, number, _ in edge.changes]
            if numbers != sorted(set(numbers)):
                found.append(f"{place}: generations went back: {numbers}")
            for revision, share in shares.items():
                if share > 0 and revision in over and revision != row.stable_revision:
                    found.append(f"{place}: {share:g} % reach {revision}, whose {over[revision]} is over")
        return found

    # State changes and their events

    def _of_deployments(self, tx: ReadTx) -> list[str]:
        found: list[str] = []
        told: dict[str, str] = {}
        for e in self._log:
            if e.name in FINAL_OF and not (e.name.endswith("rollback_failed") and not e.body["is_final"]):
                told[e.subject] = FINAL_OF[e.name]
        for row in tx.rows(sa.select(deployments)):
            state = row.state if row.state in FINAL_OF.values() else ""
            if told.get(row.id) != state:
                found.append(f"{row.id} is {row.state}; the log says {told.get(row.id)!r}")
        running = Counter(
            (r.service, r.environment)
            for r in tx.rows(sa.select(deployments).where(deployments.c.finished_at.is_(None)))
        )
        found += [f"{many} deployments run in {place}" for place, many in running.items() if many > 1]
        serving = Counter(
            r.placement for r in tx.rows(sa.select(revisions.c.placement).where(revisions.c.state == "serving"))
        )
        found += [f"{many} revisions are stable in {place}" for place, many in serving.items() if many > 1]
        return found

    def _of_incidents(self, tx: ReadTx) -> list[str]:
        found: list[str] = []
        told: dict[str, str] = {}
        causes: Counter[str] = Counter()
        for e in self._log:
            if e.name in INCIDENT_OF:
                told[e.subject] = INCIDENT_OF[e.name]
            if e.name == "incidents.declared":
                causes[e.body["cause"]] += 1
        found += [f"{cause} declared {many} incidents" for cause, many in causes.items() if many > 1]
        open_of: Counter[str] = Counter()
        for row in tx.rows(sa.select(incidents)):
            if told.get(row.id) != row.state:
                found.append(f"{row.id} is {row.state}; the log says {told.get(row.id)}")
            if row.open_placement is not None:
                open_of[row.open_placement] += 1
        known = {r.cause for r in tx.rows(sa.select(incident_causes.c.cause))}
        waiting = {r.event_seq for r in tx.rows(
            sa.select(deliveries.c.event_seq).where(deliveries.c.state == "pending"))}  # fmt: skip
        for e in self._log:
            if e.seq in waiting:
                continue
            if _cause_of(e) not in {None, *known}:
                found.append(f"{e.name} of {e.subject} ({e.body.get('rule') or e.body['reason']}) has no incident")
        return found

    # Escalations

    def _of_escalations(self, tx: ReadTx) -> list[str]:
        found: list[str] = []
        by_escalation: dict[str, list[LogEntry]] = {}
        for e in self._log:
            if e.name.startswith("oncall.") and e.body.get("escalation"):
                by_escalation.setdefault(e.body["escalation"], []).append(e)
        rows = tx.rows(sa.select(escalations))
        unanswered = {r.key for r in tx.rows(sa.select(alerts.c.key))}
        waiting = bool(tx.scalar(sa.select(sa.func.count()).where(deliveries.c.state == "pending")))
        for row in rows:
            told = [e for e in by_escalation.get(row.id, []) if e.name in ESCALATION_OF]
            if not told or ESCALATION_OF[told[-1].name] != row.state:
                found.append(f"the escalation of {row.subject} is {row.state}; the log says {told[-1:]}")
            if row.state == "escalating" and row.due_at is None:
                found.append(f"the escalation of {row.subject} has stopped silently")
            if row.state == "exhausted" and not waiting and f"nobody-answered/{row.subject}" not in unanswered:
                found.append(f"nobody answered for {row.subject}, and nothing says so")
            found += check_order_of_steps(row, by_escalation.get(row.id, []))
        found += self._unasked(tx, rows, by_escalation, waiting)
        found += check_nothing_after_the_end(tx, by_escalation, self._set_back())
        return found

    def _set_back(self) -> timedelta:
        """Return by how much the clock was set back: so much earlier may look what came later."""
        steps = (e.body["step_s"] for e in self._log if e.name == "engine.clock_stepped")
        return timedelta(seconds=sum(-step_s for step_s in steps if step_s < 0))

    def _unasked(
        self, tx: ReadTx, rows: Any, by_escalation: dict[str, list[LogEntry]], waiting: bool
    ) -> Iterator[str]:
        """Every urgent incident that nobody has is being escalated, was, or says that nobody could be paged."""
        asked = {row.subject for row in rows}
        nobody = {e.subject for e in self._log if e.name == "oncall.nobody_paged"}
        urgent = sa.select(incidents).where(incidents.c.priority.in_(("P0", "P1")), incidents.c.state == "triage")
        for row in tx.rows(urgent):
            if row.id not in asked and row.id not in nobody:
                yield f"{row.id} is {row.priority} and nobody is asked"

    def _of_lateness(self, tx: ReadTx) -> list[str]:
        found: list[str] = []
        overdue = oncall.find_overdue(tx, late_s=LATE_S)
        if not overdue.is_clean:
            found.append(f"overdue without an alarm: {overdue}")
        raised = {r.key for r in tx.rows(sa.select(alerts.c.key).where(alerts.c.rule == "dead-letter"))}
        for row in tx.rows(sa.select(deliveries).where(deliveries.c.state == "dead")):
            if f"dead-letter/{row.subscriber}" not in raised:
                found.append(f"a delivery to {row.subscriber} died silently: {row.last_error}")
        return found


def _cause_of(e: LogEntry) -> str | None:
    """Return the cause of an incident that this event has to be, None when it need not be one."""
    if e.name == "deployments.rolled_back" and e.body["is_automatic"]:
        return f"rollback/{e.subject}/{e.seq}"
    if e.name == "alerts.raised" and e.body["escalates"] == "incident":
        return f"alert/{e.body['alert_id']}"
    return None
