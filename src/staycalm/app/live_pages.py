"""What is live on the pages: how each kind of fragment is drawn, who may watch it, and when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from staycalm.core.errors import Unavailable
from staycalm.core.events import Event, Recorded
from staycalm.domains.accounts.public import decide
from staycalm.domains.alerts import pages as alerts
from staycalm.domains.deployments import pages as deployments
from staycalm.domains.deployments.picture.queries import look_stamp
from staycalm.domains.incidents import pages as incidents
from staycalm.domains.oncall import calendar_pages as oncall
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Views
from staycalm.kit.live import Draw, LiveHub
from staycalm.web import home, people
from staycalm.web.services import live as services
from staycalm.web.services.signals import SPANS_S

# The resource that one must be able to read, as on the page that shows the fragment.
NEEDS = {
    "overview": "incidents", "services": "metrics", "running": "metrics", "DEP": "metrics", "alerts": "alerts",
    "ALG": "alerts", "BLK": "alerts", "incidents": "incidents", "INC": "incidents", "oncall": "oncall",
    "SVC": "incidents", "SIG": "metrics", "REC": "metrics", "CALL": "metrics", "NEED": "incidents",
    "calendar": "oncall", "people": "people", "PER": "people", "teams": "people",
}  # fmt: skip
LOOK_EVERY_S = 0.5
# What changes without an event: figures, times of the next step, what happens to an incident's causes.
REFRESH_S = {
    "running": 1.0, "services": 10.0, "overview": 10.0, "oncall": 30.0, "INC": 5.0, "alerts": 5.0, "BLK": 1.0,
    "SVC": 5.0, "SIG": 30.0, "REC": 30.0, "CALL": 15.0, "NEED": 10.0, "calendar": 30.0, "people": 15.0,
    "PER": 15.0, "teams": 15.0,
}  # fmt: skip
STAMPS_AT_ONCE = 100


def draws(database: Database, views: Views, ask: home.AskOwnHealth) -> dict[str, Draw]:
    """Return how each kind of live fragment is drawn."""
    return {
        "overview": partial(home.draw_now, database, views, ask),
        "services": partial(home.draw_services, database, views),
        "running": partial(deployments.draw_running, database, views),
        "DEP": partial(deployments.draw_rollout, database, views),
        "alerts": partial(alerts.draw_list, database, views),
        "ALG": partial(alerts.draw_group, database, views),
        "BLK": partial(alerts.draw_bulk, database, views),
        "incidents": partial(incidents.draw_open, database, views),
        "INC": partial(incidents.draw_incident, database, views),
        "oncall": partial(oncall.draw_oncall, database, views),
        "calendar": partial(oncall.draw_calendar, database, views),
        "SVC": partial(services.draw_standing, database, views),
        "SIG": partial(services.draw_signals, database, views),
        "REC": partial(services.draw_record, database, views),
        "CALL": partial(services.draw_called, database, views),
        "NEED": partial(services.draw_around, database, views),
        "people": partial(people.draw_rows, database, views),
        "PER": partial(people.draw_person, database, views),
        "teams": partial(people.draw_teams, database, views),
    }


def allowed(topics: Iterable[str], roles: Iterable[str]) -> list[str]:
    """Return the topics whose pages somebody with these roles may read."""
    held = frozenset(roles)
    kinds = {topic: topic.partition(":")[0] for topic in topics}
    return [topic for topic, kind in kinds.items() if kind in NEEDS and decide(held, NEEDS[kind], "read")]


def topics_touched_by(emitted: Sequence[Recorded[Event]]) -> tuple[str, ...]:
    """Return the live topics that these events change."""
    topics: set[str] = set()
    for recorded in emitted:
        event = recorded.event
        topics |= _OF_DOMAIN.get(event.name.partition(".")[0], frozenset())
        topics |= _OF_EVENT.get(event.name, frozenset())
        kind = event.subject.partition("-")[0]
        if kind in ("DEP", "INC", "ALG"):
            topics.add(f"{kind}:{event.subject}")
        if event.service is not None:
            place = f"{event.service}@{event.environment or ''}"
            topics |= {f"SVC:{event.service}@", f"SVC:{place}", f"REC:{place}"}
            topics |= {f"SIG:{place}@{span}" for span in SPANS_S}
    return tuple(topics)


_OF_DOMAIN = {
    "deployments": frozenset({"running:all", "services:all"}),
    "catalog": frozenset({"services:all"}),
    "alerts": frozenset({"alerts:open", "overview:now", "overview:wall"}),
    "incidents": frozenset({"incidents:open", "overview:now", "overview:wall"}),
    "oncall": frozenset({"oncall:now", "overview:now", "overview:wall"}),
    "monitoring": frozenset({"overview:now", "overview:wall"}),
    "accounts": frozenset({"people:*", "PER:*", "teams:all"}),
}
# Who has the pager, or will have it, or can be reached: not every step of an escalation.
_TURNS = frozenset({"calendar:*", "people:*", "PER:*", "teams:all", "CALL:*"})
_OF_EVENT = dict.fromkeys(
    (
        "oncall.shift_started", "oncall.shift_uncovered", "oncall.override_added", "oncall.override_removed",
        "oncall.schedule_changed", "oncall.policy_changed", "oncall.contact_method_changed",
        "oncall.coverage_gap_found", "oncall.coverage_restored", "oncall.coverage_lonely",
    ),
    _TURNS,
)  # fmt: skip


class Pulse:
    """Touches what changes without an event, while somebody watches it.

    A rollout stores evidence about once a second and tells nobody: its row's stamp is looked at instead.
    """

    def __init__(self, database: Database, hub: LiveHub) -> None:
        self._database = database
        self._hub = hub
        self._stamps: dict[str, tuple[int, int, str]] = {}
        self._refreshed: dict[str, float] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until `stopping` is set."""
        while not stopping.is_set():
            with suppress(Unavailable):
                await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY_S)

    async def look(self) -> None:
        """Whatever is watched and has changed since the last look is touched."""
        watched = self._hub.watched()
        shown = sorted(topic for topic in watched if topic.startswith("DEP:"))[:STAMPS_AT_ONCE]
        if shown:
            found = await self._database.read(_stamps, [topic.removeprefix("DEP:") for topic in shown])
            self._hub.touch(*(f"DEP:{id}" for id, stamp in found.items() if self._stamps.get(id) != stamp))
            self._stamps = found
        self._refreshed = {topic: at for topic, at in self._refreshed.items() if topic in watched}
        for kind, every_s in REFRESH_S.items():
            self._refresh([topic for topic in watched if topic.startswith(f"{kind}:")], every_s)

    def _refresh(self, topics: Sequence[str], every_s: float) -> None:
        # A stream begins with each of its topics drawn: what is watched for the first time was drawn just now.
        now = self._database.clock.monotonic()
        due = [topic for topic in topics if now - self._refreshed.setdefault(topic, now) >= every_s]
        self._refreshed.update(dict.fromkeys(due, now))
        self._hub.touch(*due)


def _stamps(tx: ReadTx, ids: Sequence[str]) -> dict[str, tuple[int, int, str]]:
    found = {id: look_stamp(tx, id) for id in ids}
    return {id: stamp for id, stamp in found.items() if stamp is not None}
