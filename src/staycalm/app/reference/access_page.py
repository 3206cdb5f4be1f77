"""docs/reference/access.md, from the access matrix and the routes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from staycalm.app.openapi import permissions
from staycalm.app.reference.markdown import code, table
from staycalm.domains.accounts.public import RESOURCES, ROLES, decide

INTRODUCTION = """\
# Access

One table decides about every route, page, command and background action. A person has the sum of their roles;
*on-call* is held for the length of a shift, *ci* belongs to tokens of machines. Write includes read. The first
six columns are the SOP's (section 1.1).

"""


def access_page(routes: list[BaseRoute]) -> str:
    """Return the page."""
    matrix = table(
        ["role", *RESOURCES], [[f"**{role}**", *(_level(role, each) for each in RESOURCES)] for role in ROLES]
    )
    needed: dict[str, list[str]] = {}
    for (method, path), permission in permissions(routes).items():
        if permission is not None:
            needed.setdefault(str(permission), []).append(f"`{method.upper()} {path}`")
    rows = [[code(name), "<br>".join(sorted(found, key=_by_path))] for name, found in sorted(needed.items())]
    return "".join(
        [
            INTRODUCTION,
            matrix,
            "\n\n## What each permission opens\n\n`public` asks for nobody signed in, or only for one's own "
            "things; each such route says why.\n\n",
            table(["permission", "routes"], rows),
        ]
    )


def _by_path(shown: str) -> str:
    return shown.strip("`").partition(" ")[2]


def _level(role: str, resource: str) -> str:
    for level in ("write", "read"):
        if decide({role}, resource, level):
            return level
    return "–"
