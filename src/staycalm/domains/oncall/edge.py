"""What the routes of on-call need besides the database. The wiring puts it into `app.state.oncall`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from staycalm.domains.oncall.feeds.pace import FeedPace


@dataclass(frozen=True)
class OncallEdge:
    """`public_url` begins every address that leaves the server: a request's Host may be anybody's."""

    public_url: str
    pace: FeedPace


def _edge(request: Request) -> OncallEdge:
    edge: OncallEdge = request.app.state.oncall
    return edge


Edge = Annotated[OncallEdge, Depends(_edge)]
