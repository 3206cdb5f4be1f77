"""What is true after every turn, whatever happens. The rules take rows and log; they return sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.core.placement import Placement
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.deployments.model import deployments, placements, revisions
from staycalm.domains.incidents.model import incident_causes, incidents
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.kit.database import ReadTx, log
from staycalm.kit.database.tables import deliveries
from tests.scenarios import agreement, answered
from tests.scenarios.lateness import check_nothing_is_late, earliest_due
from tests.scenarios.paging import check_messages, check_nothing_after_the_end, check_order_of_steps
from tests.scenarios.stages import Stages
from tests.scenarios.traffic import check_generations, check_nobody_returns, check_weights

if TYPE_CHECKING:
    from tests.scenarios.simulation import Simulation

TIMED_EVERY_S = 1.0
"""How often is looked for what is late, where turns follow each other more closely than that."""


class Checker:
    """Looks at everything when something has changed since the last look, for what is late at every look.

    It keeps the part of the log it has read, and by when each deployment was over.
    """

    def __init__(self, world: Simulation) -> None:
        self.world = world
        self.looks = 0
        self._stages = Stages(world.settings.deployments)
        self._is_resting = False
        self._last: tuple[Any, ...] = ()
        self._log: list[LogEntry] = []
        self._over: dict[Placement, dict[str, tuple[str, int]]] = {}
        self._timed_at_s, self._possible_since_s = -TIMED_EVERY_S, 0.0

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Inside the block nothing can be read, and nothing can be done in time."""
        self._is_resting = True
        try:
            yield
        finally:
            self._is_resting = False
            self.excuse()

    def excuse(self) -> None:
        """What is late just now is so through nobody's fault: its time begins now."""
        self._possible_since_s = self.world.clock.monotonic()

    def look(self) -> None:
        """Every invariant holds; raises AssertionError with the story otherwise."""
        if self._is_resting:
            return
        world = self.world
        found = self._lateness()
        changes = tuple(len(each) for each in world.outside.proxy.served.values())
        seen = (world.database.told.total(), changes, len(world.outside.email.arrived), len(world.complaints.said))
        if seen != self._last:
            self._last = seen
            self.looks += 1
            found += self.problems()
        self._raise(found)

    def at_the_end(self) -> None:
        """Whatever has changed since the last look, all of it holds."""
        self._raise(self._lateness(is_last=True) + self.problems())

    def _raise(self, found: list[str]) -> None:
        if found:
            raise AssertionError("\n".join([*found, "", self.world.story(60)]))

    def problems(self) -> list[str]:
        """Return what is not as it has to be, but for what is late."""
        world = self.world
        self._follow_log()
        found = [f"the server complained: {said}" for said in world.complaints.said]
        found += world.read(self._of_traffic)
        found += world.read(self._of_deployments)
        steps = sum(e.name == "engine.clock_stepped" for e in self._log)
        found += world.read(lambda tx: list(self._stages.look(tx, world.clock.monotonic(), steps)))
        found += world.read(self._of_people)
        return found

    def _lateness(self, *, is_last: bool = False) -> list[str]:
        now_s = self.world.clock.monotonic()
        if 0.0 <= now_s - self._timed_at_s < TIMED_EVERY_S and not is_last:
            return []
        self._timed_at_s = now_s
        earliest = self.world.read(earliest_due)
        return check_nothing_is_late(earliest, self.world.clock.now(), now_s - self._possible_since_s)

    def _follow_log(self) -> None:
        while True:
            page = self.world.read(log.after, self._log[-1].seq if self._log else 0, limit=5000)
            self._log += page
            if len(page) < 5000:
                return

    def _of_traffic(self, tx: ReadTx) -> list[str]:
        found: list[str] = []
        proxy = self.world.outside.proxy
        rows = {(r.service, r.environment): r for r in tx.rows(sa.select(placements))}
        ended = tx.rows(sa.select(deployments).where(deployments.c.state.in_(("rolled-back", "aborted"))))
        for place, edge in proxy.edges.items():
            if edge.in_force is None:
                continue
            served = proxy.served[place]
            generation, split = edge.in_force
            row = rows[place.service, place.environment]
            known = {row.generation, row.confirmed_generation}
            if generation not in known and not (split.candidate_weight == 0 and generation - 1 in known):
                found.append(f"{place}: generation {generation} is in force; {sorted(known)} are known")
            over = self._over.setdefault(place, {})
            for each in ended:
                if (each.service, each.environment) == (place.service, place.environment):
                    over.setdefault(each.candidate_revision, (each.id, len(served)))
            found += check_weights(place, served[-1].weights)
            found += check_generations(place, [number for _, number, _ in edge.changes])
            found += check_nobody_returns(place, served, over)
        return found

    def _of_deployments(self, tx: ReadTx) -> list[str]:
        rows = tx.rows(sa.select(deployments))
        found = list(agreement.check_deployments(rows, self._log))
        running = Counter((r.service, r.environment) for r in rows if r.finished_at is None)
        found += [f"{many} deployments run in {place}" for place, many in running.items() if many > 1]
        stable = tx.rows(sa.select(revisions.c.placement).where(revisions.c.state == "serving"))
        serving = Counter(r.placement for r in stable)
        found += [f"{many} revisions are stable in {place}" for place, many in serving.items() if many > 1]
        return found

    def _of_people(self, tx: ReadTx) -> list[str]:
        told = self._log
        asked, told_of = tx.rows(sa.select(escalations)), tx.rows(sa.select(alerts))
        declared, causes = tx.rows(sa.select(incidents)), tx.rows(sa.select(incident_causes))
        undelivered = tx.rows(sa.select(deliveries.c.event_seq).where(deliveries.c.state == "pending"))
        waiting = {r.event_seq for r in undelivered}
        open_keys = {r.key for r in told_of if r.state != "resolved"}
        found = list(agreement.check_alerts(tx.rows(sa.select(alert_groups)), told_of, told))
        found += agreement.check_incidents(declared, causes, told)
        found += answered.check_silence_is_said(told, open_keys, waiting)
        found += answered.check_incidents_are_asked_about(declared, asked, open_keys, waiting)
        found += answered.check_groups_are_asked_about(told, asked, waiting)
        found += answered.check_causes_have_incidents(told, {r.cause for r in causes}, waiting)
        found += self._of_pages(tx.rows(sa.select(notifications)), asked)
        raised = {r.key for r in told_of if r.rule == "dead-letter"}
        for row in tx.rows(sa.select(deliveries).where(deliveries.c.state == "dead")):
            if f"dead-letter/{row.subscriber}" not in raised:
                found.append(f"a delivery to {row.subscriber} died silently: {row.last_error}")
        return found

    def _of_pages(self, messages: Any, asked: Any) -> list[str]:
        by_escalation: dict[str, list[LogEntry]] = {}
        for e in self._log:
            if e.name in agreement.OF_ESCALATION:
                by_escalation.setdefault(e.body["escalation"], []).append(e)
        found = list(agreement.check_escalations(asked, by_escalation))
        sent = {e.body["notification"]: e for e in self._log if e.name == "oncall.notification_sent"}
        steps = [e for e in self._log if e.name == "engine.clock_stepped"]
        for row in asked:
            of_row = by_escalation.get(row.id, [])
            found += check_order_of_steps(row, of_row)
            mine = [each for each in messages if each.escalation == row.id]
            found += check_nothing_after_the_end(of_row, mine, sent, steps)
        return [*found, *check_messages(messages, self._log)]
