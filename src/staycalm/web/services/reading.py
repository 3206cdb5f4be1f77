"""Everything a service page shows, read in one transaction; every part has a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from staycalm.core.charts.geometry import Chart
from staycalm.core.placement import Placement
from staycalm.domains.alerts.public import Alert
from staycalm.domains.alerts.queries import list_alerts
from staycalm.domains.catalog.public import PlacementConfig, Service, get_service, list_placements, list_services
from staycalm.domains.deployments.picture.views import Card, card
from staycalm.domains.deployments.public import Deployment, LiveRevision, list_deployments, live
from staycalm.domains.incidents.queries import Incident, list_incidents
from staycalm.domains.monitoring.public import Signals, golden_signals
from staycalm.domains.monitoring.uptime.decisions import Day, overall
from staycalm.domains.monitoring.uptime.queries import list_days
from staycalm.domains.oncall.policies.queries import policies_for
from staycalm.domains.oncall.policies.roster import Roster
from staycalm.kit.database import ReadTx
from staycalm.web.services import dependencies
from staycalm.web.services.signals import SPANS_S, signals_chart, usual_span

HISTORY = 20
MOST_OPEN = 10
PLACEMENTS_SHOWN = 20


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


@dataclass(frozen=True, slots=True)
class Record:
    """How a placement has been: its days, oldest first, the share of the watched time it was up, its versions."""

    placement: Placement
    live: LiveRevision | None
    days: tuple[Day, ...]
    uptime: float | None
    history: tuple[Deployment, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """The policy that pages for a service, and whom each of its steps reaches now."""

    policy: str
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What a service needs and what needs it; `troubled` is empty for who may not read incidents."""

    name: str
    picture: dependencies.Picture
    needs: tuple[Neighbour, ...]
    needed_by: tuple[Neighbour, ...]
    troubled: frozenset[str]


@dataclass(frozen=True)
class ServiceView(Standing):
    """Everything about a service."""

    places: tuple[Place, ...]
    span: str
    chart: Chart | None
    is_part: bool
    record: Record | None
    called: Called
    around: Around


def read_service(
    tx: ReadTx, name: str, environment: str, *, span: str, part: tuple[float, float] | None, may_see_trouble: bool
) -> ServiceView:
    """Return the service in the environment, or where it is most at home; raises NotFound for either."""
    service = get_service(tx, name)
    places = places_of(tx, name)
    chosen = choose(places, environment)
    placement = chosen.config.placement if chosen is not None else None
    span = span if span in SPANS_S else usual_span(tx, placement)
    return ServiceView(
        service=service,
        places=places,
        chosen=chosen,
        signals=golden_signals(tx, placement) if placement is not None else None,
        span=span,
        chart=signals_chart(tx, placement, span=span, part=part) if placement is not None else None,
        is_part=part is not None,
        record=read_record(tx, placement) if placement is not None else None,
        trouble=_trouble(tx, service, environment) if may_see_trouble else None,
        called=read_called(tx, name),
        around=read_around(tx, name, may_see_trouble=may_see_trouble),
    )


def read_standing(tx: ReadTx, name: str, environment: str) -> Standing:
    """Return how the service stands now, for whoever may read incidents; raises NotFound."""
    service = get_service(tx, name)
    chosen = choose(places_of(tx, name), environment)
    signals = golden_signals(tx, chosen.config.placement) if chosen is not None else None
    return Standing(service, chosen, signals, _trouble(tx, service, environment))


def read_record(tx: ReadTx, placement: Placement) -> Record:
    """Return how the placement has been."""
    days = list_days(tx, placement)
    found = list_deployments(tx, limit=HISTORY, service=placement.service, environment=placement.environment)
    return Record(placement, live(tx, placement), days, overall(days), found.items)


def read_called(tx: ReadTx, name: str) -> Called:
    """Return whom a page for the service reaches now; an empty policy reaches nobody."""
    policies = policies_for(tx, None, name)
    if not policies:
        return Called("", ())
    roster = Roster(tx)
    rungs = tuple(
        Rung(tuple((str(target), roster.people_of(target)) for target in step.targets), step.wait_s)
        for step in policies[0].steps
    )
    return Called(policies[0].name, rungs)


def read_around(tx: ReadTx, name: str, *, may_see_trouble: bool) -> Around:
    """Return what the service needs and what needs it; raises NotFound."""
    service = get_service(tx, name)
    declared = {each.name: each for each in list_services(tx)}
    troubled = _troubled(tx) if may_see_trouble else frozenset()
    needed_by = sorted(each.name for each in declared.values() if name in each.depends_on)
    return Around(
        name,
        dependencies.draw(name, {each.name: each.depends_on for each in declared.values()}),
        tuple(_neighbour(each, declared, troubled) for each in service.depends_on),
        tuple(_neighbour(each, declared, troubled) for each in needed_by),
        troubled,
    )


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
