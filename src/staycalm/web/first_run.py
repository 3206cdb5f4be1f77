"""The guided set-up after the first account: how one is reached, the first service, a green check. Nothing of it
is stored: what is done shows in what exists, so it can be left, gone on with and skipped at any step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Invalid, NotFound, StayCalmError
from staycalm.core.placement import Placement
from staycalm.domains.accounts.public import decide
from staycalm.domains.accounts.settings_pages import told
from staycalm.domains.catalog.parse import CatalogFile, parse_file
from staycalm.domains.catalog.plan import make_plan, web_managed
from staycalm.domains.catalog.public import PlacementConfig, ProbeConfig, list_placements
from staycalm.domains.catalog.questions import Change, FileSection
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.deployments.public import list_live
from staycalm.domains.monitoring.watching.decisions import probe_for, probes_of
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow, view
from staycalm.ports.probes import Prober, ProbeResult
from staycalm.web.contact_settings import read_reach
from staycalm.web.first_file import advice, started_file, watched_file

page_router = Router(include_in_schema=False)
Text = Annotated[str, Form(max_length=200_000)]
Reader = Annotated[Actor, allow("catalog", "read")]
Configurer = Annotated[Actor, allow("config", "write")]
FILE = "staycalm.yaml"
LOOK_S = 3.0
MOST_SHOWN = 20


@dataclass(frozen=True)
class Checked:
    """What a file would do, or what is wrong with it."""

    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(change.what for change in self.changes if change.kind == "remove")


@dataclass(frozen=True)
class Seen:
    """What a look at a placement's first probe showed; `result` is None when there is nothing to look at."""

    config: PlacementConfig
    probe: ProbeConfig | None
    result: ProbeResult | None
    advice: str


@page_router.get("/welcome")
async def go_on(db: Db, who: Reader) -> Response:
    """The browser is at the first step that is not done."""
    if await db.read(_has_placement):
        return RedirectResponse("/welcome/check", status_code=303)
    is_reached = who.kind == "person" and await db.read(_has_proven_contact, who.id)
    return RedirectResponse("/welcome/service" if is_reached else "/welcome/contact", status_code=303)


@page_router.get("/welcome/service")
async def show_service(request: Request, db: Db, who: Reader, way: str = "watch") -> Response:
    """The form for the first service: an address where it runs already, or a file by which StayCalm starts it."""
    service, url = await db.read(_watched)
    form = {"service": service, "url": url, "text": started_file(handle=who.id, service="shop")}
    return _service(request, way if way in ("watch", "start") else "watch", form)


@page_router.post("/welcome/service")
async def put_service(
    request: Request, db: Db, who: Configurer, way: Text = "watch", act: Text = "apply", service: Text = "",
    url: Text = "", text: Text = "", even_removals: Text = "",
) -> Response:  # fmt: skip
    """The file is in force and its service is looked at; or what is wrong with it is shown, line by line."""
    form = {"service": service[:100], "url": url[:2000], "text": text}
    try:
        wanted = _wanted(who.id, way, form)
        checked, file = await _check(request, db, wanted)
        if act != "apply" or file is None or (checked.removed and not even_removals):
            return _service(request, way, form, checked=checked, asks=bool(checked.removed) and act == "apply")
        await _apply(request, db, who, file)
    except StayCalmError as error:
        problem = told(error)
        return _service(request, way, form, status=error.status, problem=problem)
    first = next(iter(file.placements), "")
    return RedirectResponse(f"/welcome/check?placement={first}", status_code=303)


@page_router.post("/welcome/service/check")
async def check_service(
    request: Request, db: Db, who: Reader, way: Text = "watch", service: Text = "", url: Text = "", text: Text = ""
) -> Response:
    """What the file would do, as a part of the page: it is asked while somebody writes. Changes nothing."""
    try:
        wanted = _wanted(who.id, way, {"service": service, "url": url, "text": text})
        checked, _ = await _check(request, db, wanted)
    except Invalid as error:
        checked = Checked(problems=(told(error),))
    return view(request, "web/first_run/checked.html", checked=checked)


@page_router.post("/welcome/staycalm.yaml")
async def download(
    who: Reader, way: Text = "watch", service: Text = "", url: Text = "", text: Text = ""
) -> Response:
    """The file itself, to be kept with the code. Changes nothing."""
    wanted = _wanted(who.id, way, {"service": service, "url": url, "text": text})
    headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
    return Response(wanted, media_type="application/yaml", headers=headers)


@page_router.get("/welcome/check")
async def show_check(request: Request, db: Db, who: Reader, placement: str = "") -> Response:
    """Whether the service is well, seen just now, and what to do when it is not."""
    seen, others = await _look(request, db, placement)
    return view(request, "web/first_run/check.html", seen=seen, others=others)


@page_router.get("/welcome/look")
async def look_again(request: Request, db: Db, who: Reader, placement: str = "") -> Response:
    """The same look as a part of the page."""
    seen, _ = await _look(request, db, placement)
    if seen is None:
        raise NotFound("no-placement", "no service is declared", next_step="Declare one: /welcome/service.")
    return view(request, "web/first_run/seen.html", seen=seen)


def _service(request: Request, way: str, form: dict[str, str], *, status: int = 200, **more: Any) -> Response:
    may_apply = decide(request.state.identity.roles, "config", "write")
    context: dict[str, Any] = {"checked": None, "problem": "", "asks": False, **more}
    return view(
        request, "web/first_run/service.html", status=status, way=way, form=form, may_apply=may_apply, **context
    )


def _wanted(handle: str, way: str, form: dict[str, str]) -> str:
    if way == "watch":
        return watched_file(handle=handle, service=form["service"], url=form["url"])
    return form["text"].replace("\r\n", "\n")


async def _check(request: Request, db: Database, text: str) -> tuple[Checked, CatalogFile | None]:
    """Return what the file would do, and the file; None instead of one that has problems."""
    sections: Sequence[FileSection] = request.app.state.catalog_sections
    web = await db.read(web_managed)
    try:
        file = await asyncio.to_thread(parse_file, text, FILE, web, sections)
    except Invalid as error:
        found = error.details.get("problems") or [told(error)]
        return Checked(problems=tuple(str(each) for each in found)[:MOST_SHOWN]), None
    plan = await db.read(make_plan, file, sections)
    return Checked(plan.changes), file


async def _apply(request: Request, db: Database, who: Actor, file: CatalogFile) -> None:
    if not file.placements:
        raise Conflict("no-service", "the file declares no service", next_step="Add one under services:.")
    may_change_people = decide(request.state.identity.roles, "people", "write")
    sections: Sequence[FileSection] = request.app.state.catalog_sections
    await db.write(apply_file, who, file, sections, may_change_people=may_change_people)


async def _look(request: Request, db: Database, name: str) -> tuple[Seen | None, tuple[str, ...]]:
    """Return what a look at the placement shows, and the others one may look at."""
    known = await db.read(list_placements)
    config = next((each for each in known if str(each.placement) == name), known[0] if known else None)
    if config is None:
        return None, ()
    others = tuple(str(each.placement) for each in known[:MOST_SHOWN] if each is not config)
    probe = next((each for each in probes_of(config) if each.kind != "command"), None)
    if probe is None:
        return Seen(config, None, None, ""), others
    prober: Prober = request.app.state.prober
    result = await prober.look(replace(probe_for(probe), timeout_s=min(LOOK_S, probe.timeout_s)))
    is_deployed = bool(config.probes) or await db.read(_is_live, config.placement)
    words = "" if result.ok else advice(result.detail, is_deployed=is_deployed, service=config.service)
    return Seen(config, probe, result, words), others


def _has_placement(tx: ReadTx) -> bool:
    return bool(list_placements(tx))


def _watched(tx: ReadTx) -> tuple[str, str]:
    """Return the service and address that this page made, so that they can be corrected; else blanks."""
    known = list_placements(tx)
    if len(known) == 1 and len(known[0].probes) == 1 and known[0].probes[0].kind == "http":
        return known[0].service, known[0].probes[0].target
    return "", ""


def _has_proven_contact(tx: ReadTx, handle: str) -> bool:
    return any(each.health == "working" for each in read_reach(tx, handle).methods)


def _is_live(tx: ReadTx, placement: Placement) -> bool:
    return any(live.placement == placement for live in list_live(tx, limit=500))
