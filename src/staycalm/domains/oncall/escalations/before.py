"""What was changed last where a page is about: the first thing to look at."""

from __future__ import annotations

from datetime import datetime, timedelta

from staycalm.core.durations import format_duration
from staycalm.domains.deployments.public import Deployment, list_deployments
from staycalm.kit.database import ReadTx

WINDOW = timedelta(hours=2)


def find_change(tx: ReadTx, service: str | None, environment: str | None) -> tuple[str, str]:
    """Return the newest deployment there of the last two hours in a few words, and its page; "" for none."""
    if service is None:
        return "", ""
    newest = list_deployments(tx, limit=1, service=service, environment=environment).items
    if not newest:
        return "", ""
    at, word = _last(newest[0])
    if at <= tx.now - WINDOW:
        return "", ""
    d = newest[0]
    ago = format_duration(max(0.0, (tx.now - at).total_seconds()))
    return f"{d.id} ({d.release}) {word}, {ago} ago", f"/deployments/{d.id}"


def _last(d: Deployment) -> tuple[datetime, str]:
    """Return when something happened to it last, and what."""
    weighed = d.weight_since if d.state in ("shifting", "verifying") else None
    went_back = d.decided_at if d.state == "rolling-back" else None
    ended = d.finished_at if d.state in ("rolled-back", "aborted") else None
    moments = (
        (d.requested_at, "was asked for"),
        (weighed, f"got {d.weight or 0:g} % of traffic"),
        (d.completed_at, "took all traffic"),
        (went_back, "began to go back"),
        (ended, "was rolled back" if d.state == "rolled-back" else "was aborted"),
    )
    return [(at, word) for at, word in moments if at is not None][-1]
