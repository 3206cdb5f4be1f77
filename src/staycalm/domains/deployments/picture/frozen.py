"""The picture of a finished rollout, kept for ever: its seconds and its events go after some time, this stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.actor import Actor
from staycalm.core.charts.series import Graph, Series
from staycalm.core.events import LogEntry
from staycalm.domains.deployments.model import pictures
from staycalm.domains.deployments.picture.course import drawn_graphs
from staycalm.domains.deployments.picture.history import EVENTS, thinned_history
from staycalm.domains.deployments.records import Deployment
from staycalm.kit.database import ReadTx, Tx, log
from staycalm.kit.shapes import prepare


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the picture shows; `events` as the log had them."""

    graphs: tuple[Graph, ...]
    events: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class _Stored:
    graphs: tuple[Graph, ...]
    events: tuple[dict[str, Any], ...]


prepare(_Stored)


def keep_picture(tx: Tx, d: Deployment) -> None:
    """The picture is stored as it is now, with every event so far; once more replaces it."""
    graphs = drawn_graphs(d, thinned_history(tx, d.id))
    events = [_packed(entry) for entry in log.about(tx, [d.id], limit=EVENTS)]
    body = {"graphs": msgspec.to_builtins(tuple(_rounded(graph) for graph in graphs)), "events": events}
    tx.upsert(pictures, {"deployment": d.id, "body": body}, on=["deployment"])


def find_picture(tx: ReadTx, deployment: str) -> Frozen | None:
    """Return the stored picture; None while the rollout goes on."""
    body = tx.scalar(sa.select(pictures.c.body).where(pictures.c.deployment == deployment))
    if body is None:
        return None
    stored = msgspec.convert(body, _Stored)
    return Frozen(stored.graphs, tuple(_entry(each) for each in stored.events))


def with_later(frozen: tuple[LogEntry, ...], found: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
    """Return all that happened: what was stored, and what the log has after it."""
    last = frozen[-1].seq if frozen else 0
    return (*frozen, *(entry for entry in found if entry.seq > last))


def _packed(entry: LogEntry) -> dict[str, Any]:
    actor = entry.actor
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "actor": [actor.kind, actor.id, actor.name],
        "name": entry.name,
        "version": entry.version,
        "subject": entry.subject,
        # Evidence of a metric stands in the deployment's own row.
        "body": {key: value for key, value in entry.body.items() if key != "evidence"},
    }


def _entry(told: dict[str, Any]) -> LogEntry:
    return LogEntry(
        told["seq"],
        datetime.fromisoformat(told["at"]),
        Actor(*told["actor"]),
        told["name"],
        told["version"],
        told["subject"],
        None,
        None,
        told["body"],
    )


def _rounded(graph: Graph) -> Graph:
    return replace(graph, series=tuple(_short(series) for series in graph.series))


def _short(series: Series) -> Series:
    values, low, high = (
        tuple(None if v is None else float(f"{v:.4g}") for v in each)
        for each in (series.values, series.low, series.high)
    )
    return replace(series, values=values, low=low, high=high)
