"""The story made large, and made hostile: as many rows as a busy year has, the worst words that are allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.domains.accounts.model import people
from staycalm.domains.accounts.sign_in.model import sessions, tokens
from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.domains.alerts.muting.model import silences
from staycalm.domains.catalog import model as catalog
from staycalm.domains.deployments import model as deployments
from staycalm.domains.incidents import model as incidents
from staycalm.domains.oncall.escalations.model import escalations
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.domains.oncall.schedules.model import overrides
from staycalm.domains.releases.model import releases
from staycalm.kit.database import Tx

SERVICES, DEPLOYMENTS, INCIDENTS, ALERTS = 200, 500, 300, 10_000
NOTES, PEOPLE, SILENCES, TOKENS = 400, 150, 60, 60
# Markup, a turn of direction that is never turned back, emoji of two halves, marks upon marks, no place to break.
ZALGO = "Z\u0351\u036b\u0343\u0363\u0368\u0356\u0339a\u0300\u0301\u0302\u0303lgo"
HOSTILE = (
    "<script>document.title='owned'</script><b><b>\"'</b> \u202eفشل الخادم 🔥👩\u200d💻 "
    f"{ZALGO} {{{{ 7 * 7 }}}} &lt;img src=x onerror=alert(1)&gt; " + "W" * 4000
)
LONGEST_NAME = "a" + "w" * 62


def _all(tx: Tx, table: sa.Table, **wanted: Any) -> list[dict[str, Any]]:
    query = sa.select(table).limit(50)
    for name, value in wanted.items():
        query = query.where(table.c[name] == value)
    return [dict(row._mapping) for row in tx.rows(query)]


def _add(tx: Tx, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 500):
        tx.execute(table.insert(), rows[start : start + 500])


def _moved(row: dict[str, Any], service: str) -> dict[str, Any]:
    """Return the row of a placement as that of another service."""
    where = {"service": service, "environment": "production"}
    named = {"placement": f"{service}@production"} if "placement" in row else {}
    config = {"config": {**row["config"], "placement": where}} if "config" in row else {}
    return {**row, **named, **config, "service": service}


def crowd(tx: Tx) -> None:
    """There are 200 services, 500 deployments, 300 incidents, 10,000 alerts, and people enough to look at them."""
    names = [f"service-{n:03}" for n in range(SERVICES)]
    (service,) = _all(tx, catalog.services, name="payments")
    _add(tx, catalog.services, [{**service, "name": name, "title": f"The {name}"} for name in names])
    for table in (catalog.placements, deployments.placements):
        (placed,) = _all(tx, table, service="payments", environment="production")
        fresh = {"running": None, "problem": None, "due_at": None} if "running" in placed else {}
        _add(tx, table, [_moved({**placed, **fresh}, name) for name in names])
    _crowd_deployments(tx, names)
    _crowd_incidents(tx, names)
    _crowd_alerts(tx, names)
    (person,) = _all(tx, people, handle="bob")
    _add(
        tx,
        people,
        [
            {
                **person,
                "handle": f"person-{n:03}",
                "name": f"Person {n}",
                "email": f"p{n}@x",
                "email_key": f"p{n}@x",
            }
            for n in range(PEOPLE)
        ],
    )
    (silence,) = _all(tx, silences)
    _add(tx, silences, [{**silence, "id": f"SIL-{n + 100}"} for n in range(SILENCES)])
    token = {
        "kind": "personal", "owner": "root", "name": "laptop", "roles": [], "is_read_only": True,
        "created_at": tx.now, "expires_at": tx.now + timedelta(days=9), "last_used_at": tx.now, "revoked_at": None,
    }  # fmt: skip
    _add(tx, tokens, [{**token, "id": f"token-{n}", "secret_hash": f"{n:064}"} for n in range(TOKENS)])


def _crowd_deployments(tx: Tx, names: list[str]) -> None:
    (past,) = _all(tx, deployments.deployments, id="DEP-5")
    found = []
    for n in range(DEPLOYMENTS):
        at = past["requested_at"] - timedelta(hours=DEPLOYMENTS - n)
        name = "shop" if n % 2 else names[n % 200]
        found.append({**past, "id": f"DEP-{n + 1000}", "number": n + 1000, "service": name, "requested_at": at,
                      "finished_at": at + timedelta(minutes=9)})  # fmt: skip
    _add(tx, deployments.deployments, found)


def _crowd_incidents(tx: Tx, names: list[str]) -> None:
    (past,) = _all(tx, incidents.incidents, id="INC-1")
    found = []
    for n in range(INCIDENTS):
        at = past["declared_at"] - timedelta(hours=7 * (INCIDENTS - n))
        is_open = n >= INCIDENTS - 40
        ended = None if is_open else at + timedelta(minutes=40)
        found.append({
            **past, "id": f"INC-{n + 1000}", "number": n + 1000, "service": names[n % 200], "declared_at": at,
            "open_placement": f"{names[n % 200]}@production" if is_open else None, "priority": f"P{n % 4}",
            "state": "investigating" if is_open else "closed", "resolved_at": ended, "impact_ended_at": ended,
        })  # fmt: skip
    _add(tx, incidents.incidents, found)
    note = _all(tx, incidents.incident_notes, incident="INC-1")[0]
    _add(tx, incidents.incident_notes, [{**note, "id": f"note-{n}", "key": f"{n}"} for n in range(NOTES)])


def _crowd_alerts(tx: Tx, names: list[str]) -> None:
    (group,) = _all(tx, alert_groups, id="ALG-2")
    groups = [
        {**group, "id": f"ALG-{n + 1000}", "open_key": f"{name}@production", "service": name}
        for n, name in enumerate(names)
    ]
    _add(tx, alert_groups, groups)
    where = [{"service": each["service"], "group_id": each["id"]} for each in groups]
    alert = _all(tx, alerts, group_id="ALG-2")[0]
    # Half of them are of one placement: one group with 5,000 alerts.
    crowded = {"service": "payments", "group_id": "ALG-2"}
    _add(tx, alerts, [
        {**alert, **(crowded if n % 2 else where[n % 200]), "id": f"019c0000-0000-7000-8000-{n:012}",
         "dedup_key": f"key-{n}", "key": f"key-{n}", "priority": f"P{1 + n % 3}", "rule": f"rule-{n % 30}",
         "summary": f"Disk of host {n} is {n % 100} % full", "labels": {"host": f"db-{n}"},
         "state": "acknowledged" if n % 9 == 0 else "firing", "acknowledged_by": "bob" if n % 9 == 0 else None}
        for n in range(ALERTS)
    ])  # fmt: skip


# Where people and machines write words of their own: the column, and the most it takes.
_WORDS: tuple[tuple[sa.Table, dict[str, int]], ...] = (
    (catalog.services, {"title": 200}),
    (catalog.teams, {"title": 200}),
    (catalog.environments, {"title": 200}),
    (catalog.organisation, {"name": 200}),
    (people, {"name": 100}),
    (sessions, {"user_agent": 200}),
    (tokens, {"name": 100}),
    (alert_groups, {"summary": 4000}),
    (alerts, {"summary": 4000, "source": 100, "rule": 200}),
    (silences, {"reason": 500}),
    (deployments.deployments, {"reason": 2000, "end_reason": 2000, "held_reason": 2000, "verdict_reason": 2000}),
    (deployments.placements, {"problem": 2000}),
    (deployments.revisions, {"problem": 2000, "why_kept": 2000}),
    (releases, {"branch": 200, "build_id": 200, "reference": 2000}),
    (incidents.incidents, {"title": 200}),
    (incidents.incident_causes, {"summary": 4000}),
    (incidents.incident_notes, {"text": 4000}),
    (escalations, {"title": 4000}),
    (notifications, {"last_error": 2000, "receipt": 500}),
    (overrides, {"reason": 500}),
)


def make_hostile(tx: Tx) -> None:
    """Whatever others may write says the worst it may, and one placement has the longest name there can be."""
    for table, columns in _WORDS:
        worst = {name: ("W" * 45 + HOSTILE if most <= 100 else HOSTILE)[:most] for name, most in columns.items()}
        tx.execute(table.update().values(worst))
    (service,) = _all(tx, catalog.services, name="site")
    tx.execute(catalog.services.insert().values({**service, "name": LONGEST_NAME}))
    for table in (catalog.placements, deployments.placements):
        placed = _all(tx, table, service="payments", environment="production")[0]
        fresh = {"running": None} if "running" in placed else {}
        tx.execute(table.insert().values(_moved({**placed, **fresh}, LONGEST_NAME)))
    labels = {"host": HOSTILE[:200], HOSTILE[:60]: "W" * 500, **{f"label-{n}": f"value {n}" for n in range(20)}}
    tx.execute(
        alerts.update().where(alerts.c.group_id == "ALG-4").values(labels=labels, details={"text": HOSTILE[:2000]})
    )
    tx.execute(incidents.incidents.update().where(incidents.incidents.c.id == "INC-1").values(service="shop"))
