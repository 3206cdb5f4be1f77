"""What the overview and the wall tell: what is read, and the sentence that sums it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import parse_qsl, urlencode

from staycalm.core.priority import Priority
from staycalm.domains.alerts.public import Alert, count_open, list_open
from staycalm.domains.catalog.public import PlacementConfig, Service, list_placements, list_services
from staycalm.domains.deployments.public import LiveRevision, live
from staycalm.domains.incidents.public import Incident, Standing, open_incidents, standings
from staycalm.domains.monitoring.public import HealthReport, Signals, find_latest, golden_signals
from staycalm.domains.monitoring.sampling.queries import points
from staycalm.domains.oncall.schedules.queries import OnCallNow, list_on_call
from staycalm.kit.database import ReadTx

WINDOW_S = 900.0
SERVICES_SHOWN = 25
PLACEMENTS_SHOWN = 60
MOST_OPEN = 8
MOST_COUNTED = 100
LONGEST_KEY = 2500
WALL_LOOKED_AT = 100
WALL_SHOWN = 12
ERRORS_SHOWN_BAD = 0.01
"""The share of failed answers from which a figure is drawn as bad. SOP §4.3 warns at 1 %."""
SATURATION_SHOWN_BAD = 0.8
"""SOP §4.3 warns at 80 % of CPU or memory."""
Tone = Literal["ok", "warn", "bad"]


class OwnHealth(Protocol):
    """How this server is, as `/health` tells."""

    @property
    def status(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def engine_age_s(self) -> float | None: ...

    @property
    def problems(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter of the overview, as it stands in the address. Pages count from 1."""

    q: str = ""
    environment: str = ""
    page: int = 1

    @property
    def is_everything(self) -> bool:
        return self == Wanted()

    @property
    def key(self) -> str:
        """The part of the live topic after its colon; `wanted_of` reads it."""
        return "all" if self.is_everything else self.query

    @property
    def query(self) -> str:
        return urlencode({"q": self.q, "environment": self.environment, "page": self.page})

    def at(self, page: int) -> Wanted:
        return replace(self, page=page)


def wanted_of(key: str) -> Wanted:
    """Return the filter that a topic names; nonsense is no filter."""
    if key == "all":
        return Wanted()
    found = dict(parse_qsl(key[:LONGEST_KEY], keep_blank_values=True))
    page = found.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    return Wanted(found.get("q", "")[:100], found.get("environment", "")[:100], max(1, number))


@dataclass(frozen=True, slots=True)
class Tile:
    """One placement: what serves there, and its signals. The lists are 15 minutes, oldest first, None is a gap."""

    config: PlacementConfig
    live: LiveRevision | None
    signals: Signals | None = None
    rates: tuple[float | None, ...] = ()
    errors: tuple[float | None, ...] = ()
    p95_ms: tuple[float | None, ...] = ()

    @property
    def is_failing(self) -> bool:
        return self.signals is not None and (self.signals.error_rate or 0.0) > ERRORS_SHOWN_BAD

    @property
    def is_saturated(self) -> bool:
        return self.signals is not None and (self.signals.saturation or 0.0) > SATURATION_SHOWN_BAD

    @property
    def badness(self) -> tuple[bool, float, bool]:
        rate = (self.signals.error_rate or 0.0) if self.signals else 0.0
        return (self.is_failing or self.is_saturated, rate, self.config.is_production)


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service with the placements that are shown."""

    name: str
    service: Service | None
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Services:
    """One page of services. `found` counts those the filter lets through, of `known`."""

    shown: tuple[ServiceView, ...]
    wanted: Wanted
    found: int
    known: int
    environments: tuple[str, ...]

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // SERVICES_SHOWN))


@dataclass(frozen=True, slots=True)
class Now:
    """What is wrong, who has it, and who has the pager: the 100 most urgent incidents; a page shows the first few.

    `standings` tell of the incidents that a page shows, by id, who has them.
    """

    at: datetime
    incidents: tuple[Incident, ...]
    alerts: tuple[Alert, ...]
    counts: dict[Priority, int]
    on_call: tuple[OnCallNow, ...]
    report: HealthReport | None
    standings: Mapping[str, Standing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Headline:
    """The state of everything as one sentence."""

    tone: Tone
    sentence: str


def headline(now: Now, own: OwnHealth) -> Headline:
    """Return the worst that is true: StayCalm itself, incidents, urgent alerts, nobody on call, alerts, calm."""
    if own.problems:
        return Headline("bad", "StayCalm itself is not well: what you see may be incomplete.")
    unowned = [each for each in now.incidents if each.state == "triage"]
    if unowned:
        return Headline("bad", f"{_many(len(unowned), 'incident')} that nobody has acknowledged.")
    urgent = [each for each in now.incidents if each.priority in ("P0", "P1") and each.state != "mitigated"]
    if now.incidents:
        state = "being investigated" if urgent else "in hand"
        return Headline("bad" if urgent else "warn", f"{_many(len(now.incidents), 'incident')} open, {state}.")
    alerts = sum(now.counts.values())
    if now.counts.get("P0", 0) + now.counts.get("P1", 0):
        return Headline("bad", f"{_many(alerts, 'alert')} open, no incident.")
    if not any(each.primary for each in now.on_call):
        return Headline("warn", "No incident, but nobody is on call.")
    if not all(each.primary for each in now.on_call):
        return Headline("warn", "No incident, but a schedule has nobody on call.")
    if alerts:
        return Headline("warn", f"No incident. {_many(alerts, 'alert')} open.")
    return Headline("ok", "All calm.")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def read_now(tx: ReadTx) -> Now:
    """Return what is wrong, who has it, and who has the pager."""
    found = open_incidents(tx, limit=MOST_COUNTED)
    return Now(
        at=tx.now,
        incidents=found,
        alerts=tuple(a for a in list_open(tx, limit=50) if a.state != "suppressed")[:MOST_OPEN],
        counts=count_open(tx),
        on_call=tuple(sorted(list_on_call(tx), key=lambda each: each.primary is not None)),
        report=find_latest(tx),
        standings=standings(tx, found[:MOST_OPEN]),
    )


def read_services(tx: ReadTx, wanted: Wanted) -> Services:
    """Return a page of the services that the filter lets through, each with its placements, production first."""
    known = {service.name: service for service in list_services(tx)}
    configs = sorted(list_placements(tx), key=lambda c: (not c.is_production, c.environment))
    placed: dict[str, list[PlacementConfig]] = {}
    for config in configs:
        if wanted.environment in ("", config.environment):
            placed.setdefault(config.service, []).append(config)
    names = sorted(placed if wanted.environment else set(placed) | set(known))
    found = [name for name in names if _matches(wanted.q, name, known.get(name))]
    first = (wanted.page - 1) * SERVICES_SHOWN
    drawn = 0
    shown = []
    for name in found[first : first + SERVICES_SHOWN]:
        tiles = tuple(read_tile(tx, config) for config in placed.get(name, ())[: PLACEMENTS_SHOWN - drawn])
        drawn += len(tiles)
        shown.append(ServiceView(name, known.get(name), tiles))
    environments = tuple(dict.fromkeys(config.environment for config in configs))
    return Services(tuple(shown), wanted, len(found), len(set(known) | {c.service for c in configs}), environments)


def _matches(q: str, name: str, service: Service | None) -> bool:
    words = f"{name} {service.title} {service.team or ''}" if service is not None else name
    return all(part in words.lower() for part in q.lower().split())


def read_tile(tx: ReadTx, config: PlacementConfig) -> Tile:
    """Return what serves the placement, with its signals."""
    serving = live(tx, config.placement)
    if serving is None:
        return Tile(config, None)
    drawn = points(tx, config.placement, WINDOW_S)
    return Tile(
        config,
        serving,
        golden_signals(tx, config.placement),
        rates=tuple(point.request_rate for point in drawn),
        errors=tuple(point.error_rate for point in drawn),
        p95_ms=tuple(point.p95_ms for point in drawn),
    )


@dataclass(frozen=True, slots=True)
class Wall:
    """The placements worth a glance, those with trouble first; `others` serve too and are not shown."""

    shown: tuple[Tile, ...]
    others: int


def read_wall(tx: ReadTx) -> Wall:
    """Return the twelve placements that are worst off, production before the rest."""
    configs = sorted(list_placements(tx), key=lambda c: (not c.is_production, c.service, c.environment))
    serving = [(config, found) for config in configs if (found := live(tx, config.placement)) is not None]
    tiles = [
        Tile(config, found, golden_signals(tx, config.placement)) for config, found in serving[:WALL_LOOKED_AT]
    ]
    worst = sorted(tiles, key=lambda tile: tile.badness, reverse=True)[:WALL_SHOWN]
    return Wall(tuple(worst), len(serving) - len(worst))
