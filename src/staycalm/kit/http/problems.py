"""Errors on the wire as RFC 9457 problem details, or as a page for a browser. Never a traceback."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from staycalm.core.errors import PortError, StayCalmError

log = logging.getLogger("staycalm.http")
MEDIA_TYPE = "application/problem+json"


def problem(
    request: Request, status: int, code: str, title: str, detail: str, next_step: str = "", **more: Any
) -> Response:
    """Return the refusal in the form the client reads: HTML for a browser's page, else problem details."""
    if not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", ""):
        views = getattr(request.app.state, "views", None)
        if views is not None:
            page: Response = views.error(request, status=status, title=title, detail=detail, next_step=next_step)
            return page
    body = {"type": f"urn:staycalm:{code}", "title": title, "status": status, "detail": detail, "code": code}
    if next_step:
        body["next_step"] = next_step
    return JSONResponse({**more, **body}, status_code=status, media_type=MEDIA_TYPE)


def install_problem_details(app: FastAPI) -> None:
    """Every error of the application leaves as problem details or as an error page."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, StayCalmError)
        response = problem(
            request, error.status, error.code, error.title, error.message, error.next_step, **error.details
        )
        if error.status == 503:
            response.headers["Retry-After"] = "1"
        return response

    async def outside(request: Request, error: Exception) -> Response:
        return problem(
            request, 502, "outside", "Outside system failed", str(error), "Look at its state and try again."
        )

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [
            {"where": ".".join(str(part) for part in each["loc"]), "problem": each["msg"]}
            for each in error.errors()[:20]
        ]
        first = found[0] if found else {"where": "body", "problem": "is not valid"}
        detail = f"{first['where']}: {first['problem']}"
        return problem(
            request, 422, "invalid-input", "Invalid input", detail, "Mend it and send it again.", errors=found
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        response = problem(
            request, error.status_code, f"http-{error.status_code}", str(error.detail), str(error.detail)
        )
        response.headers.update(error.headers or {})
        return response

    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("a request failed unforeseen", exc_info=error, extra={"path": request.url.path})
        return problem(
            request, 500, "unforeseen", "Unforeseen error", "StayCalm made a mistake; nothing was changed.",
            "The server's log has the details.",
        )  # fmt: skip

    app.add_exception_handler(StayCalmError, ours)
    app.add_exception_handler(PortError, outside)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)
