"""What the routes of incidents need besides the database. The wiring puts it into `app.state.incidents`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from staycalm.domains.incidents.settings import IncidentsSettings
from staycalm.ports.reports import ReportPrinter


@dataclass(frozen=True)
class IncidentsEdge:
    """Settings, and what prints a report."""

    settings: IncidentsSettings
    printer: ReportPrinter


def _edge(request: Request) -> IncidentsEdge:
    edge: IncidentsEdge = request.app.state.incidents
    return edge


Edge = Annotated[IncidentsEdge, Depends(_edge)]
