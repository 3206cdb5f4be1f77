"""What pages with charts share: the part of the time that was asked for, and a drawing as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

LATEST_S = 253_402_300_799


def asked_part(
    since: Annotated[float | None, Query(alias="from", ge=0, le=LATEST_S, allow_inf_nan=False)] = None,
    to: Annotated[float | None, Query(ge=0, le=LATEST_S, allow_inf_nan=False)] = None,
) -> tuple[float, float] | None:
    """Return the part between `from` and `to` (epoch seconds); None asks for all of it."""
    return (since, to) if since is not None and to is not None and since < to else None


def as_file(svg: str, name: str) -> Response:
    """Return the drawing to be saved under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(svg, media_type="image/svg+xml", headers=headers)
