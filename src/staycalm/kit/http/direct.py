"""The short way: a route that is asked thousands of times a second is found by one look into a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Plain = Callable[[Request], Awaitable[Response]]
"""A handler without dependencies: it asks the guard itself and reads its own body."""


class Direct:
    """Wraps the application. A (method, path) of the table goes to its handler, the rest to the application.

    The handlers are routes of the application as well: what walks over its routes sees them, another method is
    refused there. Their refusals become answers by the application's own exception handlers. What holds for every
    request (headers, bound of the body, figures) wraps this one, too.
    """

    def __init__(self, app: FastAPI, handlers: Mapping[tuple[str, str], Plain]) -> None:
        self._app = app
        self._handlers = dict(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        request = Request(scope, receive)
        try:
            answer = await handler(request)
        except ClientDisconnect:
            return  # nobody is left to be answered
        except Exception as error:  # noqa: BLE001 - the request boundary: it becomes an answer
            answer = await _refusal(self._app, request, error)
        await answer(scope, receive, send)


async def _refusal(app: FastAPI, request: Request, error: Exception) -> Response:
    for kind in type(error).__mro__:
        found = app.exception_handlers.get(kind)
        if found is not None:
            refused: Response = await found(request, error)  # type: ignore[misc]
            return refused
    raise error
