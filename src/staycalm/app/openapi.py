"""The OpenAPI document: what FastAPI derives, with permissions, errors and words a reader needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from staycalm import __version__
from staycalm.domains.accounts.public import ROLES, decide
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH, WEBHOOK_PERMISSION
from staycalm.kit.http import Permission, permission_of

DESCRIPTION = """\
Everything `sc` and the web page do goes through this API.

**Signing in.** Send `Authorization: Bearer TOKEN`; tokens are made by `sc login`, under /account, or by
`POST /api/v1/tokens`. Every route names the permission it needs; the access matrix says which roles have it.

**Errors** are problem details (RFC 9457, `application/problem+json`) with a stable `code`, one sentence in
`detail` and, where there is one, what to do next in `next_step`.

**Pages.** Lists answer `items` and `next_cursor`; send it back as `cursor` for the next page. Times are ISO 8601
in UTC, rates are fractions 0-1, weights are percent 0-100, names that end in `_s` are seconds.
"""
TAGS = {
    "accounts": "People, log-ins, tokens, sessions, and what they may do.",
    "audit": "The event log: what happened, when, by whom.",
    "catalog": "Services, environments, teams and placements; the file that declares them.",
    "releases": "Artifacts by digest, and the record of where they came from.",
    "deployments": "Putting releases into placements: rollouts, rollbacks, logs, verification.",
    "monitoring": "Health reports and golden signals.",
    "oncall": "Who has the pager, escalations, contact methods, the delivery log.",
    "alerts": "Firing conditions, silences, maintenance, the webhook for other tools.",
    "incidents": "Incidents, their timeline and report.",
    "system": "StayCalm itself: health, metrics, backups.",
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal as problem details (RFC 9457); some carry further members.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "urn:staycalm: and the code."},
        "title": {"type": "string", "description": "The kind of refusal."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong, in one sentence."},
        "code": {"type": "string", "description": "Stable name of the reason, for programs."},
        "next_step": {"type": "string", "description": "What to do now."},
        "errors": {
            "type": "array",
            "description": "Every field that is wrong (code invalid-input).",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}
REFUSAL = {
    "description": "Refused; `code` says why.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
WEBHOOK = {
    "tags": ["alerts"],
    "summary": "Receive alerts from other tools",
    "operationId": "alerts.receive",
    "description": "Every report in the body is taken in, many in one request. One report, or a list of them: "
    "`dedup_key`, `status` (firing or resolved), `summary`, `priority`, `service`, `environment`, `labels`, "
    "`details`. Answered after the commit; the same report again changes nothing.",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"title": "Reports"}}},
    },
    "responses": {
        "200": {"description": "What became of each report.", "content": {"application/json": {"schema": {}}}}
    },
}
METHODS = ("get", "put", "post", "delete", "patch", "head")


class StayCalmApi(FastAPI):
    """FastAPI whose document names permissions, problem details, and reads well."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = polish(super().openapi(), self.routes)
        return self.openapi_schema


def new_api() -> StayCalmApi:
    """Return the application without any route."""
    return StayCalmApi(
        title="StayCalm",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        # The address it would lead to is made of the Host header, which is whatever a client says.
        redirect_slashes=False,
    )


def permissions(routes: Iterable[BaseRoute]) -> dict[tuple[str, str], Permission | None]:
    """Return what every (method, path) needs; None where a route names nothing."""
    found: dict[tuple[str, str], Permission | None] = {("post", WEBHOOK_PATH): WEBHOOK_PERMISSION}
    for route in routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                found[method.lower(), route.path_format] = permission_of(route)
    return found


def roles_with(permission: Permission) -> tuple[str, ...]:
    """Return the roles that have the permission, in the order of the matrix; empty for a public route."""
    if permission.resource is None:
        return ()
    return tuple(role for role in ROLES if decide({role}, permission.resource, permission.level))


def polish(document: dict[str, Any], routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the document with tags, permissions, one kind of error, and summaries in words."""
    needed = permissions(routes)
    document["paths"].setdefault(WEBHOOK_PATH, {})["post"] = dict(WEBHOOK)
    for path, method, operation in operations(document):
        operation["summary"] = _summary(operation)
        operation["description"] = " ".join(operation.get("description", "").split())
        permission = needed.get((method, path))
        if permission is not None:
            operation["x-permission"] = str(permission)
            operation["security"] = [] if permission.resource is None else [{"token": []}]
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = REFUSAL
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    used = {tag for _, _, operation in operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [{"name": tag, "description": words} for tag, words in TAGS.items() if tag in used]
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of everything in the document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _summary(operation: dict[str, Any]) -> str:
    words = str(operation["operationId"]).rpartition(".")[2].replace("_", " ")
    if operation["operationId"] == WEBHOOK["operationId"]:
        return str(WEBHOOK["summary"])
    return words[:1].upper() + words[1:]
