"""Everything a service page shows, read in one transaction; every part has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from staycalm.core.charts.geometry import Chart, draw
from staycalm.core.charts.series import Graph, Mark, Series
from staycalm.core.placement import Placement
from staycalm.domains.alerts.public import Alert
from staycalm.domains.alerts.queries import list_alerts
from staycalm.domains.catalog.public import PlacementConfig, Service, get_service, list_placements, list_services
from staycalm.domains.deployments.picture.views import Card, card
from staycalm.domains.deployments.public import Deployment, LiveRevision, list_deployments, live
from staycalm.domains.incidents.queries import Incident, list_incidents
from staycalm.domains.monitoring.public import Signals, golden_signals
from staycalm.domains.monitoring.sampling.queries import course, oldest_minute
from staycalm.domains.monitoring.uptime.decisions import Day, overall
from staycalm.domains.monitoring.uptime.queries import list_days
from staycalm.domains.oncall.policies.queries import policies_for
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import ReadTx
from staycalm.web.services import dependencies

SPANS_S = {"1h": 3600.0, "24h": 86400.0, "7d": 7 * 86400.0, "30d": 30 * 86400.0}
SPAN = "24h"
YOUNG_S = 3 * 3600.0
HISTORY = 20
MARKED = 60
MOST_OPEN = 10
PLACEMENTS_SHOWN = 20
LONGEST_PART_S = 400 * 86400.0


@dataclass(frozen=True, slots=True)
class Place:
    """One placement in a row of them: what serves there, and what moves."""

    config: PlacementConfig
    live: LiveRevision | None
    running: Card | None


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the escalation policy: whom it reaches now, by the words of the policy."""

    targets: tuple[tuple[str, tuple[str, ...]], ...]
    wait_s: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A service beside this one, with what is wrong there."""

    name: str
    is_declared: bool
    trouble: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is open; None for who may not read it."""

    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Alert, ...] = ()
    more_alerts: bool = False


@dataclass(frozen=True)
class Standing:
    """How a service stands now, in one of its placements where it has any: what changes while one looks."""

    service: Service
    chosen: Place | None
    signals: Signals | None
    trouble: Trouble | None


@dataclass(frozen=True)
class ServiceView(Standing):
    """Everything about a service."""

    places: tuple[Place, ...]
    span: str
    chart: Chart | None
    is_part: bool
    days: tuple[Day, ...]
    uptime: float | None
    history: tuple[Deployment, ...]
    policy: str
    rungs: tuple[Rung, ...]
    picture: dependencies.Picture
    needs: tuple[Neighbour, ...]
    needed_by: tuple[Neighbour, ...]
    troubled: frozenset[str]


def read_service(
    tx: ReadTx, name: str, environment: str, *, span: str, part: tuple[float, float] | None, may_see_trouble: bool
) -> ServiceView:
    """Return the service in the environment, or where it is most at home; raises NotFound for either."""
    service = get_service(tx, name)
    places = places_of(tx, name)
    chosen = choose(places, environment)
    placement = chosen.config.placement if chosen is not None else None
    span = span if span in SPANS_S else _usual_span(tx, placement)
    days = list_days(tx, placement) if placement is not None else ()
    troubled = _troubled(tx) if may_see_trouble else frozenset()
    declared = {each.name: each for each in list_services(tx)}
    needed_by = sorted(each.name for each in declared.values() if name in each.depends_on)
    policy, rungs = _rungs(tx, name)
    return ServiceView(
        service=service,
        places=places,
        chosen=chosen,
        signals=golden_signals(tx, placement) if placement is not None else None,
        span=span,
        chart=signals_chart(tx, placement, span=span, part=part) if placement is not None else None,
        is_part=part is not None,
        days=days,
        uptime=overall(days),
        history=_history(tx, placement),
        trouble=_trouble(tx, service, environment) if may_see_trouble else None,
        policy=policy,
        rungs=rungs,
        picture=dependencies.draw(name, {each.name: each.depends_on for each in declared.values()}),
        needs=tuple(_neighbour(each, declared, troubled) for each in service.depends_on),
        needed_by=tuple(_neighbour(each, declared, troubled) for each in needed_by),
        troubled=troubled,
    )


def read_standing(tx: ReadTx, name: str, environment: str) -> Standing:
    """Return how the service stands now, for whoever may read incidents; raises NotFound."""
    service = get_service(tx, name)
    chosen = choose(places_of(tx, name), environment)
    signals = golden_signals(tx, chosen.config.placement) if chosen is not None else None
    return Standing(service, chosen, signals, _trouble(tx, service, environment))


def places_of(tx: ReadTx, name: str) -> tuple[Place, ...]:
    """Return the service's placements, production first."""
    mine = [config for config in list_placements(tx) if config.service == name]
    mine.sort(key=lambda config: (not config.is_production, config.environment))
    return tuple(_place(tx, config) for config in mine[:PLACEMENTS_SHOWN])


def choose(places: Sequence[Place], environment: str) -> Place | None:
    """Return the placement in the environment; without one asked for, the first; None where there is none."""
    if environment:
        return next((place for place in places if place.config.environment == environment), None)
    return places[0] if places else None


def _place(tx: ReadTx, config: PlacementConfig) -> Place:
    serving = live(tx, config.placement)
    newest = list_deployments(tx, limit=1, service=config.service, environment=config.environment).items
    running = card(newest[0]) if newest and newest[0].is_running else None
    return Place(config, serving, running)


def _history(tx: ReadTx, placement: Placement | None) -> tuple[Deployment, ...]:
    if placement is None:
        return ()
    found = list_deployments(tx, limit=HISTORY, service=placement.service, environment=placement.environment)
    return found.items


def _trouble(tx: ReadTx, service: Service, environment: str) -> Trouble:
    where = environment or None
    incidents = list_incidents(tx, limit=MOST_OPEN, only_open=True, service=service.name).items
    page = list_alerts(tx, limit=MOST_OPEN, service=service.name, environment=where)
    mine = (each for each in incidents if where is None or each.environment in (None, where))
    return Trouble(tuple(mine), page.items, page.next_cursor is not None)


def _troubled(tx: ReadTx) -> frozenset[str]:
    """Return the services with an open incident, or an open alert that pages."""
    incidents = list_incidents(tx, limit=200, only_open=True).items
    alerts = list_alerts(tx, limit=200, priorities=("P0", "P1")).items
    names = {each.service for each in incidents} | {a.service for a in alerts if a.state != "suppressed"}
    return frozenset(name for name in names if name is not None)


def _neighbour(name: str, declared: dict[str, Service], troubled: frozenset[str]) -> Neighbour:
    return Neighbour(name, name in declared, "in trouble" if name in troubled else "")


def _rungs(tx: ReadTx, service: str) -> tuple[str, tuple[Rung, ...]]:
    """Return the policy that pages for the service, and whom each of its steps reaches now."""
    policies = policies_for(tx, None, service)
    if not policies:
        return "", ()
    roster = Roster(tx)
    rungs = tuple(
        Rung(tuple((str(target), roster.people_of(target)) for target in step.targets), step.wait_s)
        for step in policies[0].steps
    )
    return policies[0].name, rungs


def signals_chart(
    tx: ReadTx, placement: Placement, *, span: str, part: tuple[float, float] | None
) -> Chart | None:
    """Return traffic, errors, response time and saturation over the span or the part of it; None without data."""
    since, until = _window(tx, span, part)
    points = course(tx, placement, since, until)
    graphs = signal_graphs(points)
    marks = [*_deployed(tx, placement, since), *_declared(tx, placement)]
    chart = draw(graphs, start_s=since.timestamp(), end_s=until.timestamp(), marks=marks)
    return chart if chart.panels else None


def _usual_span(tx: ReadTx, placement: Placement | None) -> str:
    """Return a day, or an hour while there is hardly more to see."""
    oldest = oldest_minute(tx, placement) if placement is not None else None
    is_young = oldest is None or (tx.now - oldest).total_seconds() < YOUNG_S
    return "1h" if is_young else SPAN


def _window(tx: ReadTx, span: str, part: tuple[float, float] | None) -> tuple[datetime, datetime]:
    if part is None:
        return tx.now - timedelta(seconds=SPANS_S.get(span, SPANS_S[SPAN])), tx.now
    until_s = min(part[1], tx.now.timestamp())
    since_s = max(min(part[0], until_s - 10.0), until_s - LONGEST_PART_S)
    return datetime.fromtimestamp(since_s, UTC), datetime.fromtimestamp(until_s, UTC)


def signal_graphs(points: Sequence[Signals]) -> tuple[Graph, ...]:
    """Return the golden signals as graphs. SOP §4.2; what was not measured is a gap."""
    times = tuple(point.at.timestamp() for point in points)
    traffic = Series("traffic", "requests", times, tuple(p.request_rate for p in points), is_filled=True)
    errors = Series("errors", "failed", times, tuple(p.error_rate for p in points))
    half = Series("median", "median", times, tuple(p.p50_ms for p in points))
    slow = Series("latency", "95 of 100 are faster", times, tuple(p.p95_ms for p in points))
    fill = Series("fill", "of what is declared", times, tuple(p.saturation for p in points))
    return (
        Graph("traffic", "Traffic", "per_s", (traffic,), least_top=1.0),
        Graph("errors", "Failed answers", "share", (errors,), least_top=0.02, most_top=1.0),
        Graph("latency", "Response time", "ms", (half, slow), least_top=20.0),
        Graph("fill", "Saturation", "share", (fill,), least_top=1.0),
    )


def _deployed(tx: ReadTx, placement: Placement, since: datetime) -> list[Mark]:
    found = list_deployments(tx, limit=MARKED, service=placement.service, environment=placement.environment).items
    marks = []
    for d in found:
        at = d.finished_at or d.first_shift_at or d.requested_at
        if at >= since:
            tone = {"rolled-back": "bad", "aborted": "muted", "completed": "ok"}.get(d.state, "busy")
            words = f"{d.id} {d.state.replace('-', ' ')}: {d.release}"
            marks.append(Mark(at.timestamp(), d.id, words, tone, f"/deployments/{d.id}"))
    return marks


def _declared(tx: ReadTx, placement: Placement) -> list[Mark]:
    found = list_incidents(tx, limit=MARKED, service=placement.service).items
    return [
        Mark(
            (each.impact_started_at or each.declared_at).timestamp(),
            each.id,
            f"{each.id} {each.priority}: {each.title[:120]}",
            "bad",
            each.url_path,
        )
        for each in found
        if each.environment in (None, placement.environment)
    ]
