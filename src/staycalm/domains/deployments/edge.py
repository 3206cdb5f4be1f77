"""What the routes of deployments need besides the database. The wiring puts it into `app.state.deployments`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.ports.deploy import DeployTarget
from staycalm.ports.smoke import SmokeRunner


@dataclass(frozen=True)
class DeploymentsEdge:
    """Settings, where logs are read, and what runs the smoke tests of a verification."""

    settings: DeploymentsSettings
    targets: Mapping[str, DeployTarget]
    smoke: SmokeRunner


def _edge(request: Request) -> DeploymentsEdge:
    edge: DeploymentsEdge = request.app.state.deployments
    return edge


Edge = Annotated[DeploymentsEdge, Depends(_edge)]
