"""Names that the server knows: for the shell's completion, and to say what may have been meant."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from staycalm.cli import exits
from staycalm.cli.errors import Trouble, nearest
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, ApiError, Unreachable
from staycalm.client.connection import NoServer, find_connection

# A person waits for the shell meanwhile.
PATIENCE_S = 0.5
LIMIT = 100
# What to ask for each kind, the field with the name, and the field that explains it.
LISTS = {
    "services": ("/api/v1/catalog/services", "name", "title"),
    "environments": ("/api/v1/catalog/environments", "name", "title"),
    "deployments": ("/api/v1/deployments", "id", "state"),
    "revisions": ("/api/v1/deployments/live", "revision", "release"),
    "schedules": ("/api/v1/oncall", "schedule", "primary"),
    "incidents": ("/api/v1/incidents", "id", "title"),
    "alerts": ("/api/v1/alerts", "group", "summary"),
    "actions": ("/api/v1/incidents/actions", "id", "what"),
    "people": ("/api/v1/people", "handle", "name"),
}
PAGED = ("deployments", "incidents", "actions", "alerts")
KIND_OF_CODE = {
    "no-such-deployment": "deployments",
    "bad-deployment": "deployments",
    "no-incident": "incidents",
    "no-action-item": "actions",
    "no-alert": "alerts",
    "no-alert-group": "alerts",
    "no-schedule": "schedules",
    "no-person": "people",
}


def complete(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return what begins so; nothing when there is no server, no answer in half a second, or no permission."""
    given = ctx.find_root().params
    try:
        found = find_connection(
            ctx.params.get("server") or given.get("server"),
            ctx.params.get("token") or given.get("token"),
            os.environ,
        )
        known = _known(Api(found, timeout_s=PATIENCE_S), kind)
    except (NoServer, Unreachable, ApiError, OSError):
        return []
    return [
        CompletionItem(harmless(name), help=harmless(words, 60) or None)
        for name, words in known.items()
        if name.lower().startswith(incomplete.lower())
    ]


def add_known(api: Api, error: ApiError, arguments: Iterable[Any]) -> None:
    """The error also holds what was asked for and what there is, where the server did not say it itself."""
    kind = KIND_OF_CODE.get(error.code)
    asked = [each for each in arguments if isinstance(each, str) and each and each.lower() in error.detail.lower()]
    if kind is None or not asked or "known" in error.problem:
        return
    try:
        known = _known(api, kind)
    except (Unreachable, ApiError):
        return
    error.problem.update(asked=asked[0], known=list(known))


def must_exist(api: Api, *, service: str | None = None, environment: str | None = None) -> None:
    """An empty answer was the truth. Raises Trouble where it was a slip: there is no such name."""
    for kind, word, asked in (("services", "service", service), ("environments", "environment", environment)):
        if asked is None:
            continue
        known = list(_known(api, kind))
        if asked not in known:
            near = nearest(asked, known)
            meant = f"Did you mean `{near}`? " if near else ""
            raise Trouble(
                f"there is no {word} '{asked}'",
                f"{meant}Known: {', '.join(known) or 'none'}.",
                code=exits.NOT_FOUND,
            )


def _known(api: Api, kind: str) -> dict[str, str]:
    path, name, words = LISTS[kind]
    page = api.get(path, limit=LIMIT if kind in PAGED else None)
    return {str(each[name]): str(each.get(words) or "") for each in page["items"]}
