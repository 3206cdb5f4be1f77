"""REST routes about who stands in for whom: previews, swaps, shifts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from staycalm.core.actor import Actor
from staycalm.domains.oncall.schedules import covering
from staycalm.domains.oncall.schedules.preview import Preview
from staycalm.domains.oncall.schedules.schemas import (
    NewSwap,
    PreviewOut,
    ShiftPage,
    preview_out,
    shift_out,
)
from staycalm.domains.oncall.schemas import NewOverride, OverridePage, override_out
from staycalm.kit.database import ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/oncall", tags=["oncall"])
Reader = Annotated[Actor, allow("oncall", "read")]
Configurer = Annotated[Actor, allow("config", "write")]


@router.get("/shifts")
async def list_shifts(
    db: Db,
    who: Reader,
    person: Annotated[str | None, Query(max_length=63)] = None,
    schedule: Annotated[str | None, Query(max_length=63)] = None,
) -> ShiftPage:
    """Return the shifts of the coming 92 days, the earliest first; 50 at most. Empty for a person with none."""
    return ShiftPage(items=[shift_out(s) for s in await db.read(covering.shifts_of, person, schedule=schedule)])


@router.post("/schedules/{name}/overrides/preview")
async def preview_override(db: Db, who: Reader, name: str, body: NewOverride) -> PreviewOut:
    """Return what the override would change, and warnings. Nothing is changed."""
    return preview_out(await db.read(_override, name, body))


@router.post("/schedules/{name}/swaps/preview")
async def preview_swap(db: Db, who: Reader, name: str, body: NewSwap) -> PreviewOut:
    """Return what the swap would change, and warnings. Nothing is changed."""
    return preview_out(await db.read(_swap, name, body))


@router.post("/schedules/{name}/swaps", status_code=201)
async def swap_shifts(db: Db, who: Configurer, name: str, body: NewSwap) -> OverridePage:
    """The primaries at two instants have each other's shift: two overrides, in one transaction."""
    made = await db.write(
        covering.swap, who, schedule=name, first=body.first, second=body.second, reason=body.reason
    )
    return OverridePage(items=[override_out(each) for each in made])


def _override(tx: ReadTx, name: str, body: NewOverride) -> Preview:
    wanted = covering.draft(
        tx, schedule=name, role=body.role, person=body.person, starts_at=body.starts_at, ends_at=body.ends_at,
        reason=body.reason,
    )  # fmt: skip
    return covering.look_ahead(tx, name, [wanted])


def _swap(tx: ReadTx, name: str, body: NewSwap) -> Preview:
    drafts = covering.swap_drafts(tx, schedule=name, first=body.first, second=body.second, reason=body.reason)
    return covering.look_ahead(tx, name, drafts)
