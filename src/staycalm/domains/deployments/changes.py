"""Every write to a row of this domain: a transition is `move`, then one guarded UPDATE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Conflict
from staycalm.core.machine import move
from staycalm.core.placement import Placement
from staycalm.domains.deployments.decisions import Times, state_limit_s
from staycalm.domains.deployments.machine import REVISION_TABLE, TABLE
from staycalm.domains.deployments.model import accumulators, deployments, history, placements, revisions
from staycalm.domains.deployments.records import Deployment, PlacementState, Revision, pack
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import Tx

_PACKED = frozenset({"end_actor", "split", "confirmed_split", "spec", "endpoints", "waived"})
# The parameters say which columns change; built once, because building one costs more than running it.
_PLACE = placements.update().where(placements.c.placement == sa.bindparam("which"))
_DEPLOYMENT = deployments.update().where(
    deployments.c.id == sa.bindparam("which"), deployments.c.state == sa.bindparam("was")
)
_REVISION = revisions.update().where(
    revisions.c.name == sa.bindparam("which"), revisions.c.state == sa.bindparam("was")
)


def _values(changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: pack(value) if name in _PACKED else value for name, value in changed.items()}


def insert_deployment(tx: Tx, d: Deployment, number: int) -> None:
    """The deployment is stored."""
    row = {field.name: getattr(d, field.name) for field in fields(d)}
    row["steps"] = [[step.weight, step.duration_s, step.min_requests] for step in d.steps]
    row["config"] = pack(d.config)
    row["announcement"] = dict(d.announcement)
    tx.execute(deployments.insert().values(number=number, **_values(row)))


def change_deployment(tx: Tx, d: Deployment, **changed: Any) -> Deployment:
    """The deployment holds these values, in the state it is in; what was planned before is planned anew."""
    return _change(tx, d, {**changed, "stamp": d.stamp + 1})


def save_look(tx: Tx, d: Deployment, **changed: Any) -> Deployment:
    """The deployment's evidence is stored; nothing that a plan depends on was changed."""
    return _change(tx, d, changed)


def _change(tx: Tx, d: Deployment, changed: dict[str, Any]) -> Deployment:
    if not tx.guarded_update(_DEPLOYMENT, {"which": d.id, "was": d.state, **_values(changed)}):
        raise Conflict("moved-on", f"{d.id} is not {d.state} any more", next_step="Look at it and try again.")
    return replace(d, **changed)


def transition(tx: Tx, d: Deployment, verb: str, settings: DeploymentsSettings, **changed: Any) -> Deployment:
    """The deployment is in the state `verb` leads to, with that state's deadline; Conflict when it cannot."""
    state = move(TABLE, d.state, verb, what=d.id)
    changed = {"attempts": 0, "problem": None, **changed, "state": state}
    changed["deadline_at"] = deadline(tx, replace(d, state=state), settings)
    return change_deployment(tx, d, **changed)


def deadline(tx: Tx, d: Deployment, settings: DeploymentsSettings) -> Any:
    """Return when the state the deployment is in has lasted too long; None for one at rest."""
    if not d.is_running:
        return None
    limit_s = state_limit_s(
        d.state,
        times_of(settings),
        start_deadline_s=d.config.health.start_deadline_s,
        steps_s=settings.baseline_s + sum(step.duration_s for step in d.steps),
        verify_s=settings.verify_s,
    )
    return tx.now + timedelta(seconds=limit_s)


_ANCHORS = (
    "deadline_at",
    "step_ends_at",
    "weight_since",
    "frozen_at",
    "first_shift_at",
    "first_bad_at",
    "decided_at",
)


def move_on(tx: Tx, d: Deployment, by: timedelta) -> Deployment:
    """Every instant that the deployment is timed from or until is later by so much (negative: earlier)."""
    known = {name: getattr(d, name) for name in _ANCHORS}
    return change_deployment(tx, d, **{name: at + by for name, at in known.items() if at is not None})


def keep_to_clock(tx: Tx, d: Deployment, settings: DeploymentsSettings) -> Deployment:
    """No instant that is past for the deployment lies ahead, and no deadline further than its state lasts.

    Both happen when the clock is set back. A stage then lasts what was left of it when it was frozen, else at most
    its whole time once more.
    """
    began = d.frozen_at or d.weight_since
    if began is not None and began > tx.now:
        d = move_on(tx, d, tx.now - began)
    latest = _latest_deadline(tx, d, settings)
    if d.deadline_at is not None and latest is not None and d.deadline_at > latest:
        d = change_deployment(tx, d, deadline_at=latest)
    return d


def _latest_deadline(tx: Tx, d: Deployment, settings: DeploymentsSettings) -> Any:
    if d.is_frozen:
        return tx.now + timedelta(seconds=settings.held_limit_s)
    if d.return_revision is not None:
        return tx.now + timedelta(seconds=return_limit_s(d, settings))
    return deadline(tx, d, settings)


def return_limit_s(d: Deployment, settings: DeploymentsSettings) -> float:
    """Return how long the way back may take to a revision that has to be started again."""
    return d.config.health.start_deadline_s + settings.smoke_limit_s


def times_of(settings: DeploymentsSettings) -> Times:
    """Return the limits of the states as settings have them."""
    return Times(
        pending_s=settings.pending_limit_s,
        preparing_s=settings.preparing_limit_s,
        smoke_testing_s=settings.smoke_limit_s,
        held_s=settings.held_limit_s,
    )


def ensure_place(tx: Tx, placement: Placement) -> None:
    """The placement has a row; generation 0 is in force nowhere."""
    row = {
        "placement": str(placement),
        "service": placement.service,
        "environment": placement.environment,
        "generation": 0,
        "confirmed_generation": 0,
        "fence": 0,
        "revision_count": 0,
        "attempts": 0,
    }
    tx.insert_or_ignore(placements, row, on=["placement"])


def change_place(tx: Tx, place: PlacementState, **changed: Any) -> PlacementState:
    """The placement's row holds these values."""
    tx.execute(_PLACE, {"which": str(place.placement), **_values(changed)})
    return replace(place, **changed)


def take_place(tx: Tx, placement: Placement, deployment: str) -> bool:
    """Return True when `deployment` is now the one that runs there; False when another one does."""
    p = placements.c
    free = placements.update().where(p.placement == str(placement), p.running.is_(None))
    return tx.guarded_update(free.values(running=deployment, fence=p.fence + 1, attempts=0, due_at=tx.now)) == 1


def wake(tx: Tx, placement: Placement) -> None:
    """The placement is looked at now."""
    tx.execute(_PLACE, {"which": str(placement), "due_at": tx.now})


def wake_all(tx: Tx) -> None:
    """Every placement that is looked at later is looked at now."""
    tx.execute(placements.update().where(placements.c.due_at > tx.now).values(due_at=tx.now))


def insert_revision(tx: Tx, r: Revision, number: int) -> None:
    """The revision is stored."""
    row = {field.name: getattr(r, field.name) for field in fields(r)}
    tx.execute(revisions.insert().values(number=number, **_values(row)))


def change_revision(tx: Tx, r: Revision, verb: str | None = None, **changed: Any) -> Revision:
    """The revision holds these values, in the state that `verb` leads to."""
    if verb is not None:
        changed["state"] = move(REVISION_TABLE, r.state, verb, what=r.name)
    if not tx.guarded_update(_REVISION, {"which": r.name, "was": r.state, **_values(changed)}):
        raise Conflict("moved-on", f"revision {r.name} is not {r.state} any more")
    return replace(r, **{name: value for name, value in changed.items() if name != "log_tail"})


def save_evidence(tx: Tx, deployment: str, bodies: Mapping[str, Any]) -> None:
    """The evidence goes on from here after a restart."""
    for metric, body in bodies.items():
        row = {"deployment": deployment, "metric": metric, "body": body}
        tx.upsert(accumulators, row, on=["deployment", "metric"])


def save_moment(tx: Tx, deployment: str, second: int, weight: float, body: Mapping[str, Any]) -> None:
    """The second is in the history; the first look of a second is the one that counts."""
    row = {"deployment": deployment, "second": second, "weight": weight, "body": dict(body)}
    tx.insert_or_ignore(history, row, on=["deployment", "second"])


def look_again(tx: Tx, placement: str, after_s: float) -> None:
    """The placement is due again after so long."""
    tx.execute(_PLACE, {"which": placement, "due_at": tx.now + timedelta(seconds=after_s)})
