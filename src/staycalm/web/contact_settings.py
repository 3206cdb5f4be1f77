"""How one is reached: the page of one's own contact methods, also as a step of the set-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid, NotFound, StayCalmError
from staycalm.domains.accounts.public import Identity, find_person
from staycalm.domains.accounts.settings_pages import told
from staycalm.domains.oncall.contacts import queries as contact_queries
from staycalm.domains.oncall.contacts import service as contacts
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.notifications import queries as notification_queries
from staycalm.domains.oncall.notifications import service as notifications
from staycalm.domains.oncall.notifications.queries import Delivery
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow, view
from staycalm.ports.messages import ChannelKind

page_router = Router(include_in_schema=False)
Text = Annotated[str, Form(max_length=10_000)]
Reader = Annotated[Actor, allow("oncall", "read")]
Responder = Annotated[Actor, allow("oncall", "write")]
SETTINGS, WELCOME = "/settings/contact", "/welcome/contact"
TEMPLATES = {SETTINGS: "web/settings/contact.html", WELCOME: "web/first_run/contact.html"}
DELAYS = {"0": "at once", "60": "1 minute later", "120": "2 minutes later", "300": "5 minutes later",
          "failure": "only when another one failed"}  # fmt: skip
TEST_PREFIX = "test/"


@dataclass(frozen=True)
class Reach:
    """A person's methods in order, which of them this server can use, and what came of the latest test."""

    methods: tuple[ContactMethod, ...]
    usable: frozenset[str]
    channels: tuple[ChannelKind, ...]
    test: Delivery | None

    @property
    def is_reachable(self) -> bool:
        return bool(self.usable)


def read_reach(tx: ReadTx, handle: str, test: str = "") -> Reach:
    """Return how the person is reached; `test` names a test message of theirs. Raises NotFound for no person."""
    if find_person(tx, handle) is None:
        raise NotFound("no-person", f"{handle} is no person", next_step="Sign in as one.")
    held = contact_queries.configured_channels(tx)
    methods = contact_queries.methods_of(tx, handle)
    usable = contact_queries.reachable_methods(tx, handle, held)
    channels = tuple(kind for kind in get_args(ChannelKind) if held is None or kind in held)
    return Reach(methods, frozenset(each.id for each in usable), channels, _test(tx, handle, test))


def _test(tx: ReadTx, handle: str, name: str) -> Delivery | None:
    found = notification_queries.deliveries_of(tx, f"{TEST_PREFIX}{name}", limit=1) if name else ()
    return found[0] if found and found[0].person == handle else None


@page_router.get(SETTINGS)
@page_router.get(WELCOME)
async def show_contact(request: Request, db: Db, who: Reader, test: str = "") -> Response:
    """One's contact methods, the form for another, and what came of the latest test."""
    return await _contact(request, db, request.url.path, test=test)


@page_router.post(SETTINGS)
@page_router.post(WELCOME)
async def add_contact(
    request: Request, db: Db, who: Responder, kind: Text, address: Text, after: Text = "0"
) -> Response:
    """One is reached this way too, and a test message is on its way there."""
    try:
        method = await db.write(
            contacts.add_method, who, person=who.id, kind=_kind(kind), address=address, after_s=_after_s(after)
        )
        test = await db.write(notifications.send_test, method)
    except StayCalmError as error:
        form = {"kind": kind[:20], "address": address[:500], "after": after[:20]}
        problem = told(error)
        return await _contact(request, db, request.url.path, status=error.status, problem=problem, form=form)
    return _onwards(request.url.path, test)


@page_router.get("/settings/contact/tests/{test}")
async def show_test(request: Request, db: Db, who: Reader, test: str) -> Response:
    """What came of a test message so far, as a part of a page."""
    reach = await db.read(read_reach, who.id, test)
    return view(request, "web/settings/test.html", test=reach.test)


@page_router.post("/settings/contact/{id}/test")
async def send_test(db: Db, who: Responder, id: str, back: Text = SETTINGS) -> Response:
    """A test message is on its way."""
    method = await db.read(_own, who.id, id)
    return _onwards(back, await db.write(notifications.send_test, method))


@page_router.post("/settings/contact/{id}/move")
async def move(db: Db, who: Responder, id: str, places: Annotated[int, Form(ge=-10, le=10)]) -> Response:
    """The method stands elsewhere in the order."""
    await db.read(_own, who.id, id)
    await db.write(contacts.move_method, who, id, places=places)
    return _onwards(SETTINGS)


@page_router.post("/settings/contact/{id}/remove")
async def remove(db: Db, who: Responder, id: str) -> Response:
    """One is not reached this way any more."""
    await db.read(_own, who.id, id)
    await db.write(contacts.remove_method, who, id)
    return _onwards(SETTINGS)


async def _contact(
    request: Request, db: Database, path: str, *, status: int = 200, test: str = "", problem: str = "",
    form: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    me: Identity = request.state.identity
    reach = await db.read(read_reach, me.actor.id, test)
    context: dict[str, Any] = {"reach": reach, "test": reach.test, "problem": problem, "form": form or {}}
    return view(
        request, TEMPLATES[path], status=status, me=me, section="contact", delays=DELAYS, here=path, **context
    )


def _own(tx: ReadTx, handle: str, id: str) -> ContactMethod:
    method = contact_queries.get_method(tx, id)
    if method.person != handle:
        raise NotFound("no-contact-method", "you have no such contact method", next_step="Yours are on this page.")
    return method


def _onwards(back: str, test: str = "") -> Response:
    path = back if back in TEMPLATES else SETTINGS
    query = f"?test={test.removeprefix(TEST_PREFIX)}" if test else ""
    return RedirectResponse(f"{path}{query}", status_code=303)


def _kind(text: str) -> ChannelKind:
    if text not in get_args(ChannelKind):
        raise Invalid("bad-kind", f"there is no kind {text[:40]!r}", next_step="Choose one of the list.")
    return cast("ChannelKind", text)


def _after_s(text: str) -> float | None:
    if text not in DELAYS:
        raise Invalid("bad-delay", f"{text[:40]!r} is no delay of the list", next_step="Choose one of the list.")
    return None if text == "failure" else float(text)
