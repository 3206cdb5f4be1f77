"""A great many alerts at once, as rows: telling each by itself would take minutes."""

from __future__ import annotations

import random
from typing import Any

from staycalm.domains.alerts.model import alert_groups, alerts
from staycalm.kit.database import Tx

SERVICES = ("shop", "payments", "site")
ENVIRONMENTS = ("production", "staging")
SOURCES = ("prometheus", "webhook")


def crowd(tx: Tx, many: int, *, is_open: bool = True, first: int = 0, seed: int = 1, **fixed: Any) -> list[str]:
    """`many` alerts are there, twenty to a group; returns their ids, the oldest first."""
    drawn = random.Random(seed)
    rows = [_row(tx, n, drawn, is_open) | fixed for n in range(first, first + many)]
    groups = sorted({row["group_id"] for row in rows})
    for start in range(0, many, 500):
        tx.execute(alerts.insert(), rows[start : start + 500])
    tx.execute(alert_groups.insert(), [_group(tx, id, is_open) for id in groups])
    return [row["id"] for row in rows]


def _row(tx: Tx, n: int, drawn: random.Random, is_open: bool) -> dict[str, Any]:
    return {
        "id": tx.ids.uuid(), "group_id": f"ALG-{1000 + n // 20}", "dedup_key": f"k{n}" if is_open else None,
        "key": f"k{n}", "service": drawn.choice(SERVICES), "environment": drawn.choice(ENVIRONMENTS),
        "rule": drawn.choice(("disk", "latency")), "priority": drawn.choice(("P0", "P1", "P2", "P3")),
        "summary": f"Disk of db-{n} is full", "source": drawn.choice(SOURCES), "labels": {"host": f"db-{n % 7}"},
        "details": {}, "escalates": "none", "state": "firing" if is_open else "resolved", "version": 1, "flaps": 0,
        "opened_at": tx.now, "changed_at": tx.now, "resolved_at": None if is_open else tx.now,
        "suppressed_by": None, "acknowledged_by": None, "due_at": None,
    }  # fmt: skip


def _group(tx: Tx, id: str, is_open: bool) -> dict[str, Any]:
    return {
        "id": id, "open_key": f"crowd@{id}" if is_open else None, "service": "shop", "environment": "production",
        "priority": "P1", "summary": "Disk is full", "announced": {"disk": "P1", "latency": "P1"},
        "opened_at": tx.now, "resolved_at": None if is_open else tx.now, "escalated_to": None,
    }  # fmt: skip
