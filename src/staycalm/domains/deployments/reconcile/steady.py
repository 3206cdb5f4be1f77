"""Between deployments: what should serve does, warm revisions end in time, stopped ones are cleared away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from staycalm.core.actor import SYSTEM
from staycalm.domains.catalog import public as catalog
from staycalm.domains.deployments.changes import change_place, change_revision, take_place
from staycalm.domains.deployments.decisions import retry_after_s
from staycalm.domains.deployments.events import DriftFound
from staycalm.domains.deployments.queries import (
    find_deployment,
    find_place,
    get_revision,
    list_revisions,
    set_the_scene,
)
from staycalm.domains.deployments.reconcile import endings, finishing
from staycalm.domains.deployments.reconcile.effects import (
    Inspect,
    Inspected,
    RemoveRevision,
    SentBack,
    SetSplit,
    Stopped,
    StopRevision,
)
from staycalm.domains.deployments.reconcile.endings import Cause
from staycalm.domains.deployments.reconcile.wishes import route_spec, want_split
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx
from staycalm.kit.reconcile import Effect
from staycalm.ports.errors import Fenced, PortError
from staycalm.ports.traffic import Split

WAIT_FOR_ROUTES_S = 2.0
ENDING_STATES = ("created", "starting", "ready", "warm", "kept")


def plan_steady(tx: Tx, place: PlacementState, settings: DeploymentsSettings) -> Effect | None:
    """Return the inspection of a placement; None where nothing was ever deployed."""
    d = find_deployment(tx, place.live) if place.live is not None else None
    if d is None or place.stable_slot is None:
        change_place(tx, place, due_at=None)
        return None
    known = list_revisions(tx, place.placement)
    stable = get_revision(tx, place.stable_revision or "")
    split_to = _wanted_route(tx, place, d, stable, known, settings) if d.means == "weights" else None
    warm = [each for each in known if each.name == place.warm_revision and each.state == "warm"]
    running = [stable, *warm] if d.means == "weights" else [stable]
    return Inspect(
        key=f"{place.placement}/inspect",
        placement=place.placement,
        split_to=split_to,
        running=tuple((each.target, each.spec) for each in running),
    )


def _wanted_route(
    tx: Tx,
    place: PlacementState,
    d: Deployment,
    stable: Revision,
    known: tuple[Revision, ...],
    settings: DeploymentsSettings,
) -> SetSplit:
    """Return the split at rest; a warm or kept revision whose time is over has no part in it any more."""
    config = catalog.find_placement(tx, place.placement) or d.config
    others = [each for each in known if each.is_routed and each.name != stable.name]
    over = [each for each in others if each.stop_at is not None and each.stop_at <= tx.now]
    split = place.split or Split(stable.slot)
    if over or not others:
        split = Split(stable.slot)
        if any(each.name == place.warm_revision for each in over):
            place = change_place(tx, place, warm_revision=None)
    route = route_spec(tx, config, *(each for each in others if each not in over), stable)
    return want_split(tx, place, config, route, split, settings.split_deadline_s)


def settle_steady(
    tx: Tx, place: PlacementState, effect: Inspect, outcome: Inspected | PortError, settings: DeploymentsSettings
) -> None:
    """What was found is committed; the next inspection is due."""
    if place.running is not None:
        return
    if isinstance(outcome, PortError):
        attempts = place.attempts + 1
        pause = timedelta(seconds=retry_after_s(attempts))
        ahead = 10 if isinstance(outcome, Fenced) else 0
        change_place(
            tx,
            place,
            attempts=attempts,
            problem=str(outcome),
            due_at=tx.now + pause,
            generation=place.generation + ahead,
            fence=place.fence + ahead,
        )
        return
    told = _what_to_tell(place, outcome)
    attempts = place.attempts + 1 if outcome.is_mended else 0
    pause_s = retry_after_s(attempts, first_s=1.0, most_s=settings.steady_s) if attempts else settings.steady_s
    place = change_place(
        tx,
        place,
        attempts=attempts,
        problem=None if outcome.is_mended else outcome.problem,
        due_at=tx.now + timedelta(seconds=pause_s),
    )
    if outcome.adopted is not None:
        _adopt(tx, place, outcome.adopted, settings)
        return
    if outcome.behind is not None:
        number = max(place.generation, outcome.behind) + 2
        change_place(tx, place, generation=number, fence=place.fence + 1, due_at=tx.now)
        return
    if outcome.is_confirmed and effect.split_to is not None:
        _confirm(tx, place, effect.split_to)
    _follow_endpoints(tx, place, outcome)
    if told is not None:
        found = DriftFound(
            subject=str(place.placement),
            service=place.placement.service,
            environment=place.placement.environment,
            problem=told,
            mended=outcome.is_mended or outcome.problem is None,
        )
        tx.emit(SYSTEM, found)


def _what_to_tell(place: PlacementState, outcome: Inspected) -> str | None:
    """Return the trouble to tell of: a new one, the first of a series that was mended, or one that is over."""
    if outcome.is_mended:
        return outcome.problem if place.attempts == 0 else None
    if outcome.problem is not None:
        return outcome.problem if outcome.problem != place.problem else None
    return place.problem


def _confirm(tx: Tx, place: PlacementState, done: SetSplit) -> None:
    if done.generation != place.generation:
        return
    if place.confirmed_generation != done.generation or place.confirmed_split != done.split:
        change_place(tx, place, confirmed_generation=done.generation, confirmed_split=done.split)
    for each in list_revisions(tx, place.placement):
        is_member = done.route.members.get(each.slot) == each.endpoints
        if each.is_routed and not is_member and each.name != place.stable_revision:
            change_revision(tx, each, is_routed=False)


def _follow_endpoints(tx: Tx, place: PlacementState, outcome: Inspected) -> None:
    """A restarted revision may listen elsewhere: its route follows at once."""
    for status in outcome.statuses:
        endpoints = tuple(i.endpoint for i in status.instances if i.endpoint is not None)
        revision = get_revision(tx, status.revision)
        if endpoints and endpoints != revision.endpoints:
            change_revision(tx, revision, endpoints=endpoints)
            change_place(tx, place, due_at=tx.now)


def _adopt(tx: Tx, place: PlacementState, generation: int, settings: DeploymentsSettings) -> None:
    """The live deployment was rolled back at the proxy without us: the database follows."""
    d = find_deployment(tx, place.live or "")
    if d is None or d.stable_revision is None or place.warm_revision != d.stable_revision:
        return
    if not take_place(tx, place.placement, d.id):
        return
    taken = find_place(tx, place.placement)
    assert taken is not None
    cause = Cause("the proxy had already gone back to the revision before", "adopted")
    d = endings.begin_rollback(tx, d, taken, cause, settings, after_completion=True)
    scene = set_the_scene(tx, d, taken)
    finishing.finish(tx, replace(scene, deployment=d), SentBack(0.0, generation, True), settings)


def plan_retirement(tx: Tx, name: str, settings: DeploymentsSettings) -> Effect | None:
    """Return how to stop or remove a revision whose time is over; None while the proxy still knows it."""
    revision = get_revision(tx, name)
    if revision.state == "stopped":
        return RemoveRevision(key=f"{name}/remove", target=revision.target, spec=revision.spec)
    if revision.state not in ENDING_STATES or revision.stop_at is None:
        change_revision(tx, revision, due_at=None)
        return None
    if revision.stop_at > tx.now:
        change_revision(tx, revision, due_at=revision.stop_at)
        return None
    d = find_deployment(tx, revision.deployment)
    assert d is not None
    place = find_place(tx, d.placement)
    assert place is not None
    if _is_in_use(tx, place, revision):
        # A placement that is being mended is not hurried: its own pauses keep a crash loop from being fed.
        pause_s = retry_after_s(place.attempts + 1, first_s=WAIT_FOR_ROUTES_S, most_s=settings.steady_s)
        change_revision(tx, revision, due_at=tx.now + timedelta(seconds=pause_s))
        if place.running is None and not place.attempts:
            change_place(tx, place, due_at=tx.now)
        return None
    if place.warm_revision == name:
        change_place(tx, place, warm_revision=None)
    return StopRevision(
        key=f"{name}/stop",
        placement=d.placement,
        router=d.config.router if d.means == "weights" and d.config.router == "envoy" else None,
        slot=revision.slot,
        target=revision.target,
        spec=revision.spec,
        reason=revision.why_kept or "its time is over",
        drain_s=settings.drain_s,
    )


def _is_in_use(tx: Tx, place: PlacementState, revision: Revision) -> bool:
    if revision.is_routed:
        return True
    d = find_deployment(tx, place.running) if place.running is not None else None
    return d is not None and revision.name in (d.stable_revision, d.return_revision, d.candidate_revision)


def settle_retirement(
    tx: Tx, name: str, effect: Effect, outcome: Stopped | PortError | None, settings: DeploymentsSettings
) -> None:
    """The revision is stopped (with its last lines in its record) or removed; a failure is tried again."""
    revision = get_revision(tx, name)
    if isinstance(outcome, PortError):
        attempts = revision.attempts + 1
        due_at = tx.now + timedelta(seconds=retry_after_s(attempts, first_s=1.0, most_s=300.0))
        change_revision(tx, revision, attempts=attempts, problem=str(outcome), due_at=due_at)
    elif isinstance(outcome, Stopped) and revision.state in ENDING_STATES:
        lines = [
            {"at_s": line.at_s, "instance": line.instance, "stream": line.stream, "text": line.text}
            for line in outcome.log_lines
        ]
        change_revision(
            tx,
            revision,
            "stop",
            stopped_at=tx.now,
            stop_at=None,
            attempts=0,
            problem=None,
            log_tail=lines,
            due_at=tx.now + timedelta(seconds=settings.remove_stopped_after_s),
        )
        finishing.note_removed(tx, revision, revision.why_kept or "its time is over")
    elif isinstance(effect, RemoveRevision) and revision.state == "stopped":
        change_revision(tx, revision, "remove", due_at=None, attempts=0, problem=None)
