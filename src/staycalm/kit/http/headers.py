"""What holds for every request: a bound on its body, and security headers on its answer."""

from __future__ import annotations

from collections.abc import Container

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_POLICY = (b"content-security-policy", POLICY.encode())
_CACHED, _NOT_STORED = (b"cache-control", b"public, max-age=3600"), (b"cache-control", b"no-store")
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
MAX_BODY = 8 * 1024 * 1024


class SecurityHeaders:
    """Wraps the application. Static files may be cached; everything else is not stored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = [each for each in message.get("headers", ()) if each[0].lower() not in _ALWAYS]
                names = {name.lower() for name, _ in said}
                # A document that carries its own style has its own, stricter policy.
                if b"content-security-policy" not in names:
                    said.append(_POLICY)
                if b"cache-control" not in names:
                    said.append(_CACHED if is_static else _NOT_STORED)
                message["headers"] = [*said, *_ALWAYS.items()]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Wraps the application: a body has at most 8 MiB, whoever sends it, else the answer is 413.

    A body is read before anybody asks who sent it, so this holds for strangers too. `unlimited` are the paths
    that stream to disk and count for themselves.
    """

    def __init__(self, app: ASGIApp, *, unlimited: Container[str] = ()) -> None:
        self._app = app
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or len(announced) > 15 or int(announced) > MAX_BODY:
            await _refuse(scope, receive, send)
            return
        read = 0
        is_answered = False

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise HTTPException(413, "the body is too large")
            return message

        async def send_unless_too_large(message: Message) -> None:
            # Whoever reads a body has an answer of its own for one that cannot be read.
            nonlocal is_answered
            if read <= MAX_BODY or is_answered:
                is_answered = True
                await send(message)

        try:
            await self._app(scope, receive_counted, send_unless_too_large)
        except HTTPException:
            if read <= MAX_BODY:
                raise
        if not is_answered:
            await _refuse(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"the body may have {MAX_BODY} bytes at most"
    body = {"type": "urn:staycalm:too-large", "title": "Too large", "status": 413, "code": "too-large"}
    answer = JSONResponse({**body, "detail": detail}, status_code=413, media_type="application/problem+json")
    await answer(scope, receive, send)
