"""The page of a release: which bytes it is, where they came from, and where they were put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Response

from staycalm.core.actor import Actor
from staycalm.core.placement import Placement
from staycalm.domains.deployments.public import Deployment, list_deployments, live
from staycalm.domains.releases.public import Arrival, Release, arrivals, get_release
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow, view

page_router = Router(include_in_schema=False)
Reader = Annotated[Actor, allow("metrics", "read")]
LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release. `deployments` are those of it among its service's newest hundred, the newest first.

    `arrivals` say when it went live first, by environment; `serving` are the environments it serves now.
    """

    release: Release
    deployments: tuple[Deployment, ...]
    arrivals: tuple[Arrival, ...]
    serving: frozenset[str]


@page_router.get("/releases/{name}")
async def show_release(request: Request, db: Db, who: Reader, name: str) -> Response:
    """One release. A digest or a commit names it, too, where only one begins so."""
    return view(request, "web/release.html", shown=await db.read(_read, name))


def _read(tx: ReadTx, name: str) -> ReleaseView:
    release = get_release(tx, name)
    newest = list_deployments(tx, limit=LOOKED_AT, service=release.service).items
    went_live = arrivals(tx, [release.id])[release.id]
    serving = {
        each.environment
        for each in went_live
        if (now := live(tx, Placement(release.service, each.environment))) and now.release == release.id
    }
    of_it = tuple(each for each in newest if each.release == release.id)
    return ReleaseView(release, of_it, went_live, frozenset(serving))
