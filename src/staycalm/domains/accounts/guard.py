"""The answer to every request: who is this, and may they? Filled into `app.state.guard` by the wiring.

A request proves itself with `Authorization: Bearer sc_pat_…`, or with the session cookie. A cookie is
sent by a browser on its own, so a writing request with one must also come from our own pages
(SameSite=Lax and the Origin check, OWASP ASVS 5.0 section 3.5).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import Request, Response

from staycalm.core.actor import Actor
from staycalm.core.errors import Forbidden, Unauthenticated, Unavailable
from staycalm.domains.accounts.decisions import explain
from staycalm.domains.accounts.people import NOBODY, Identity
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.queries import identify_session, identify_tokens
from staycalm.domains.accounts.sign_in.service import touch
from staycalm.domains.accounts.sign_in.values import NewSecret
from staycalm.kit.database import Database
from staycalm.kit.together import Together

SECURE_COOKIE = "__Host-sc_session"
PLAIN_COOKIE = "sc_session"
PREFERENCE_S = 365 * 86400
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Need(Protocol):
    """What a route names; None as resource is a public route."""

    @property
    def resource(self) -> str | None: ...

    @property
    def level(self) -> str: ...


class AccountsGuard:
    """Identifies and authorises requests; `request.state.identity` holds the identity afterwards."""

    def __init__(self, db: Database, settings: AccountsSettings) -> None:
        self._db = db
        self._settings = settings
        # Programs send many requests at once: one read tells who all of them are, and a token that was revoked
        # before a request came is refused, by whichever server it was revoked.
        self._tokens = Together(self._look_up)

    async def _look_up(self, secrets: Sequence[str]) -> Mapping[str, Identity | None]:
        return await self._db.read(identify_tokens, secrets)

    async def __call__(self, request: Request, permission: Need) -> Actor:
        """Return the actor. Raises Unauthenticated, or Forbidden with the cells that decided."""
        identity = await self.identify(request)
        authorise(identity, permission.resource, permission.level)
        return identity.actor

    async def identify(self, request: Request) -> Identity:
        """Return who is asking, NOBODY when no credential came. Raises Unauthenticated for a bad one."""
        secret, is_cookie = _credential(request)
        if secret is None:
            identity = NOBODY
        elif is_cookie:
            check_origin(request)
            found = await self._db.read(identify_session, secret, idle_s=self._settings.session_idle_s)
            identity = found or NOBODY
        else:
            token = await self._tokens.ask(secret)
            if token is None:
                raise Unauthenticated(
                    "bad-token", "this token is unknown, revoked or too old", next_step="Get a new one: sc login."
                )
            identity = token
        if identity.is_stale:
            # Noted by a later request then: a database that takes no commit must not keep people out.
            with suppress(Unavailable):
                await self._db.write(touch, identity)
        request.state.identity = identity
        return identity

    async def require_signed_in(self, request: Request) -> Identity:
        """Return who is asking; raises Unauthenticated when that is nobody. For routes about oneself."""
        identity = await self.identify(request)
        if not identity.is_signed_in:
            raise _nobody()
        if identity.is_read_only and request.method not in SAFE_METHODS:
            raise _read_only()
        request.state.actor = identity.actor
        return identity


def authorise(identity: Identity, resource: str | None, level: str) -> None:
    """The identity may use `resource` at `level`, or this raises Unauthenticated or Forbidden."""
    if resource is None:
        return
    if not identity.is_signed_in:
        raise _nobody()
    decided = explain(identity.roles, resource, level)
    if not decided.is_allowed:
        raise Forbidden(
            "not-allowed",
            f"{identity.actor} may not do this: {decided.sentence}",
            next_step="Ask somebody who may, or ask an admin for the role.",
            resource=resource,
            level=level,
        )
    if identity.is_read_only and level != "read":
        raise _read_only()


def check_origin(request: Request) -> None:
    """A writing request comes from our own pages, or this raises Forbidden."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None:
        is_ours = _host_of(origin) == request.headers.get("host", "").lower() != ""
    else:
        is_ours = request.headers.get("sec-fetch-site") in ("same-origin", "none")
    if not is_ours:
        raise Forbidden(
            "foreign-origin",
            "this request did not come from a page of this server",
            next_step="Open the page anew and try again; scripts use a token.",
        )


def check_transport(request: Request, settings: AccountsSettings) -> None:
    """Secrets may be sent over this connection, or this raises Forbidden: HTTPS, this machine, or by setting."""
    if request.url.scheme == "https" or settings.plain_http or _is_loopback(client_address(request)):
        return
    raise Forbidden(
        "plain-http",
        "signing in from another machine needs HTTPS: the password could be read on its way",
        next_step="Give the server a certificate, or set SC_ACCOUNTS_PLAIN_HTTP=true in a network you trust.",
    )


def client_address(request: Request) -> str:
    """Return the address the request came from, as the server sees it behind its trusted proxies."""
    return request.client.host if request.client is not None else "unknown"


def set_session_cookie(
    request: Request, response: Response, session: NewSecret, settings: AccountsSettings
) -> None:
    """The browser keeps the session: unreadable for scripts, and on HTTPS bound to this host."""
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if is_secure else PLAIN_COOKIE,
        session.secret,
        max_age=int(settings.session_absolute_s),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )


def set_preference(request: Request, response: Response, name: str, value: str) -> None:
    """This browser keeps how it wants pages; no secret, and nobody else's business."""
    response.set_cookie(
        name, value, max_age=PREFERENCE_S, path="/", secure=request.url.scheme == "https", samesite="lax"
    )


def clear_session_cookie(response: Response) -> None:
    """The browser forgets the session."""
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.delete_cookie(PLAIN_COOKIE, path="/", httponly=True, samesite="lax")


def _credential(request: Request) -> tuple[str | None, bool]:
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if header:
        if scheme.lower() != "bearer" or not value.strip():
            raise Unauthenticated(
                "bad-authorization", "the Authorization header is not Bearer TOKEN", next_step="Send a token."
            )
        return value.strip(), False
    name = SECURE_COOKIE if request.url.scheme == "https" else PLAIN_COOKIE
    return request.cookies.get(name), True


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _read_only() -> Forbidden:
    return Forbidden(
        "read-only-token",
        "this token may only read",
        next_step="Use a token without --read-only, or sign in: sc login.",
    )


def _nobody() -> Unauthenticated:
    return Unauthenticated("not-signed-in", "nobody is signed in", next_step="Sign in, or send a token: sc login.")
