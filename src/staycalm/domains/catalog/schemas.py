"""Wire types of the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from staycalm.domains.catalog.config import Environment, PlacementConfig, Service, Team
from staycalm.domains.catalog.questions import Change
from staycalm.domains.catalog.service import Applied


class FileIn(BaseModel):
    """A whole `staycalm.yaml`; `file` is the name that problems are told with."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[str, Field(min_length=1, max_length=500)] = "staycalm.yaml"
    text: Annotated[str, Field(max_length=2_000_000)]


class ChangeOut(BaseModel):
    """One line of the difference."""

    kind: Literal["add", "change", "remove"]
    what: str
    detail: str


class PlanOut(BaseModel):
    """What applying the file would do; empty when it is in force already."""

    changes: list[ChangeOut]


class InvitedOut(BaseModel):
    """Hand `path` (under this server's address) to the new person; it works once."""

    handle: str
    path: str
    expires_at: datetime


class AppliedOut(BaseModel):
    """What was changed, and the links of the people who are new."""

    changes: list[ChangeOut]
    invitations: list[InvitedOut]


class ServiceOut(BaseModel):
    name: str
    title: str
    kind: Literal["service", "worker", "static"]
    tier: int
    team: str | None
    owners: list[str]
    depends_on: list[str]
    escalation_policy: str | None
    runbook_url: str | None
    managed_by: Literal["file", "web"]


class ServiceIn(BaseModel):
    """The basics of a service that the web manages; how it runs is declared in the file."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(max_length=200)] = ""
    kind: Literal["service", "worker", "static"] = "service"
    tier: Annotated[int, Field(ge=1, le=4)] = 3
    team: str | None = None
    owners: Annotated[list[str], Field(max_length=100)] = Field(default_factory=list)
    depends_on: Annotated[list[str], Field(max_length=200)] = Field(default_factory=list)
    escalation_policy: str | None = None
    runbook_url: Annotated[str, Field(pattern="^https?://", max_length=2000)] | None = None


class EnvironmentOut(BaseModel):
    name: str
    is_production: bool
    title: str
    managed_by: Literal["file", "web"]


class TeamOut(BaseModel):
    name: str
    title: str
    members: list[str]
    managers: list[str]
    security_leads: list[str]
    managed_by: Literal["file", "web"]


class PlacementOut(BaseModel):
    """One service in one environment. `env` tells names only: values may be secret. `config` is all the rest."""

    service: str
    environment: str
    is_production: bool
    kind: Literal["service", "worker", "static"]
    target: str
    router: str
    hosts: list[str]
    instances: int
    strategy: str
    env: list[str]
    config: dict[str, Any]


class ServicePage(BaseModel):
    items: list[ServiceOut]


class EnvironmentPage(BaseModel):
    items: list[EnvironmentOut]


class TeamPage(BaseModel):
    items: list[TeamOut]


class PlacementPage(BaseModel):
    items: list[PlacementOut]


def changes_out(changes: Sequence[Change]) -> list[ChangeOut]:
    """Return the difference for the wire."""
    return [ChangeOut(kind=each.kind, what=each.what, detail=each.detail) for each in changes]


def applied_out(applied: Applied) -> AppliedOut:
    """Return what was done for the wire."""
    invitations = [
        InvitedOut(handle=each.handle, path=each.path, expires_at=each.expires_at) for each in applied.invitations
    ]
    return AppliedOut(changes=changes_out(applied.changes), invitations=invitations)


def service_out(service: Service) -> ServiceOut:
    """Return the service for the wire."""
    return ServiceOut.model_validate(msgspec.to_builtins(service))


def service_of(name: str, body: ServiceIn) -> Service:
    """Return the service the body declares."""
    return Service(
        name=name,
        title=body.title or name,
        kind=body.kind,
        tier=body.tier,
        team=body.team,
        owners=tuple(body.owners),
        depends_on=tuple(body.depends_on),
        escalation_policy=body.escalation_policy,
        runbook_url=body.runbook_url,
        managed_by="web",
    )


def environment_out(environment: Environment) -> EnvironmentOut:
    """Return the environment for the wire."""
    return EnvironmentOut.model_validate(msgspec.to_builtins(environment))


def team_out(team: Team) -> TeamOut:
    """Return the team for the wire."""
    return TeamOut.model_validate(msgspec.to_builtins(team))


def placement_out(config: PlacementConfig) -> PlacementOut:
    """Return the placement for the wire, without the values of its variables."""
    rest: dict[str, Any] = msgspec.to_builtins(config)
    for name in ("placement", "env", "service", "environment"):
        rest.pop(name, None)
    return PlacementOut(
        service=config.service,
        environment=config.environment,
        is_production=config.is_production,
        kind=config.kind,
        target=config.target,
        router=config.router,
        hosts=list(config.hosts),
        instances=config.instances,
        strategy=config.strategy,
        env=sorted(config.env),
        config=rest,
    )
