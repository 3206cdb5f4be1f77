"""Acknowledging, resolving and handing back many alerts, a thousand in a transaction.

The first part is done with the request; the row says where the rest begins and that it is due now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid
from staycalm.core.machine import move
from staycalm.domains.alerts.browsing.decisions import AlertFilter, parse_filter
from staycalm.domains.alerts.browsing.queries import count_exactly, list_matching, newest_id
from staycalm.domains.alerts.bulk import queries
from staycalm.domains.alerts.bulk.decisions import AT_ONCE, BULK, Action, Bulk, verdict
from staycalm.domains.alerts.bulk.model import bulk_items, bulks
from staycalm.domains.alerts.events import AlertHandedBack
from staycalm.domains.alerts.grouping import service as grouping
from staycalm.domains.alerts.intake.service import close
from staycalm.domains.alerts.machine import TABLE
from staycalm.domains.alerts.model import alerts
from staycalm.domains.alerts.rows import Alert
from staycalm.domains.alerts.service import RULE_SOURCE
from staycalm.domains.monitoring import public as monitoring
from staycalm.domains.oncall import public as oncall
from staycalm.kit.database import Tx


def act_on_named(tx: Tx, actor: Actor, action: Action, ids: Sequence[str], *, reason: str = "") -> Bulk:
    """These alerts, at most a thousand, are acknowledged or resolved as far as they may be. Raises Invalid."""
    named = checked(ids)
    return _start(tx, actor, action, {"ids": named}, reason, len(named), upto="")


def checked(ids: Sequence[str]) -> list[str]:
    """Return the distinct ids; raises Invalid when there is none, or more than a thousand."""
    named = list(dict.fromkeys(ids))
    if not 1 <= len(named) <= AT_ONCE:
        raise Invalid(
            "nothing-chosen" if not named else "too-many",
            "no alert was chosen" if not named else f"{len(named)} alerts are more than can be named at once",
            next_step=f"Tick 1 to {AT_ONCE} alerts, or take all that match a filter.",
        )
    return named


def act_on_matching(
    tx: Tx, actor: Actor, action: Action, wanted: AlertFilter, *, upto: str = "", reason: str = ""
) -> Bulk:
    """What the filter matches is acknowledged or resolved; what was raised after the alert `upto` is not.

    Without `upto` everything that is there now is meant. Raises Invalid when the filter is not of open alerts.
    """
    check_open(wanted)
    upto = upto or newest_id(tx)
    expected = count_exactly(tx, wanted, upto=upto)
    return _start(tx, actor, action, {"filter": wanted.query()}, reason, expected, upto=upto)


def check_open(wanted: AlertFilter) -> None:
    """The filter is of open alerts; raises Invalid when not."""
    if not wanted.is_open:
        raise Invalid("not-open", "only open alerts can be acted on", next_step="Filter by an open state.")


def undo(tx: Tx, actor: Actor, id: str) -> Bulk:
    """What the bulk acknowledged, and nobody has touched since, fires again. Raises NotFound, Conflict."""
    bulk = queries.get_bulk(tx, id)
    if not bulk.can_be_undone(tx.now):
        raise Conflict(
            "cannot-undo", f"{bulk.id} cannot be taken back any more", next_step="Look at the alerts as they are."
        )
    made = _start(tx, actor, "hand-back", {"undo": bulk.id}, f"undo of {bulk.id}", bulk.done, upto="")
    statement = bulks.update().where(bulks.c.id == bulk.id, bulks.c.undone_by.is_(None))
    if tx.guarded_update(statement.values(undone_by=made.id)) != 1:
        raise Conflict("cannot-undo", f"somebody else takes {bulk.id} back", next_step="Look at the alerts.")
    return made


def go_on(tx: Tx, id: str) -> None:
    """The next thousand alerts of the bulk are done; it is finished when there are none."""
    bulk = queries.get_bulk(tx, id)
    if bulk.state == "running":
        _save(tx, _part(tx, bulk))


def _start(
    tx: Tx, actor: Actor, action: Action, target: dict[str, Any], reason: str, expected: int, *, upto: str
) -> Bulk:
    bulk = Bulk(
        id=f"BLK-{tx.next_number('BLK')}", action=action, state="running", target=target,
        reason=" ".join(reason.split())[:500], upto=upto, cursor=None, expected=expected, done=0, skipped={},
        actor=actor, asked_at=tx.now, finished_at=None, undone_by=None,
    )  # fmt: skip
    values = {name: getattr(bulk, name) for name in Bulk.__slots__ if name != "actor"}
    of_actor = {"actor_kind": actor.kind, "actor_id": actor.id, "actor_name": actor.name}
    tx.execute(bulks.insert().values({**values, **of_actor}))
    return _save(tx, _part(tx, bulk))


def _save(tx: Tx, bulk: Bulk) -> Bulk:
    values = {
        "state": bulk.state, "cursor": bulk.cursor, "done": bulk.done, "skipped": dict(bulk.skipped),
        "finished_at": bulk.finished_at, "due_at": None if bulk.is_done else tx.now,
    }  # fmt: skip
    tx.execute(bulks.update().where(bulks.c.id == bulk.id).values(values))
    return bulk


def _part(tx: Tx, bulk: Bulk) -> Bulk:
    """Return the bulk after its next part."""
    left_at: dict[str, int] = {}
    cursor: str | None = None
    if "ids" in bulk.target:
        ids = list(bulk.target["ids"])
    elif "undo" in bulk.target:
        left_at = queries.items_after(tx, str(bulk.target["undo"]), bulk.cursor or "")
        ids = list(left_at)
        cursor = ids[-1] if len(ids) == AT_ONCE else None
    else:
        wanted = parse_filter(dict(parse_qsl(bulk.target["filter"])))
        page = list_matching(tx, wanted, limit=AT_ONCE, cursor=bulk.cursor)
        ids = [alert.id for alert in page.items if alert.id <= bulk.upto]
        cursor = page.next_cursor
    chosen, skipped = _sorted_out(tx, bulk, ids, left_at)
    _do(tx, bulk, chosen)
    counted = Counter(bulk.skipped) + skipped
    state = "running" if cursor else move(BULK, bulk.state, "finish", what=bulk.id)
    return replace(
        bulk, state=state, cursor=cursor, done=bulk.done + len(chosen), skipped=dict(counted),
        finished_at=None if cursor else tx.now,
    )  # fmt: skip


def _sorted_out(
    tx: Tx, bulk: Bulk, ids: Sequence[str], left_at: dict[str, int]
) -> tuple[list[Alert], Counter[str]]:
    skipped: Counter[str] = Counter()
    chosen: list[Alert] = []
    fires: dict[tuple[str, str, str], bool] = {}
    found = queries.locked(tx, ids)
    for alert in found:
        decided = verdict(
            bulk.action,
            alert.state,
            is_named="ids" in bulk.target,
            rule_fires=bulk.action == "resolve" and _rule_fires(tx, alert, fires),
            is_as_left=left_at.get(alert.id) == alert.version,
        )
        if decided == "do":
            chosen.append(alert)
        else:
            skipped[decided] += 1
    if len(found) < len(ids):
        skipped["changed"] += len(ids) - len(found)
    return chosen, skipped


def _rule_fires(tx: Tx, alert: Alert, known: dict[tuple[str, str, str], bool]) -> bool:
    """Ask once per rule and placement, however many alerts there are of it."""
    if alert.source != RULE_SOURCE or alert.state == "resolved":
        return False
    key = (alert.rule, alert.service or "", alert.environment or "")
    if key not in known:
        known[key] = monitoring.is_firing(tx, *key)
    return known[key]


def _do(tx: Tx, bulk: Bulk, chosen: Sequence[Alert]) -> None:
    if not chosen:
        return
    if bulk.action == "resolve":
        said = f"{bulk.actor}: {bulk.reason}" if bulk.reason else f"resolved by {bulk.actor}"
        close(tx, chosen, {alert.id: (bulk.actor, said) for alert in chosen})
        return
    verb = "acknowledge" if bulk.action == "acknowledge" else "hand_back"
    state = move(TABLE, chosen[0].state, verb, what="the alert")
    has_it = bulk.action == "acknowledge"
    values: dict[str, Any] = {
        "state": state, "acknowledged_by": str(bulk.actor) if has_it else None, "suppressed_by": None,
        # Something may have begun to mute it meanwhile: it is looked at again.
        "due_at": None if has_it else tx.now, "changed_at": tx.now, "version": alerts.c.version + 1,
    }  # fmt: skip
    tx.execute(alerts.update().where(alerts.c.id.in_([alert.id for alert in chosen])).values(values))
    rows = [{"bulk": bulk.id, "alert": a.id, "version": a.version + 1, "at": tx.now} for a in chosen]
    tx.execute(bulk_items.insert(), rows)
    _tell(tx, bulk, chosen)


def _tell(tx: Tx, bulk: Bulk, chosen: Sequence[Alert]) -> None:
    """One event per group, as everywhere."""
    many = Counter(alert.group_id for alert in chosen)
    if bulk.action == "acknowledge":
        grouping.tell_acknowledged(tx, bulk.actor, many)
        return
    for id, group in sorted(grouping.hold(tx, many).items()):
        event = AlertHandedBack(
            subject=id, service=group.service or None, environment=group.environment or None, by=str(bulk.actor),
            alerts=many[id],
        )  # fmt: skip
        tx.emit(bulk.actor, event)
        escalation = oncall.find_open_escalation(tx, id)
        if escalation is not None and escalation.state == "acknowledged":
            oncall.page_again(tx, bulk.actor, id, reason=f"{bulk.actor} handed it back")
