"""Reading the catalog."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from staycalm.core.errors import NotFound
from staycalm.core.placement import Placement
from staycalm.domains.catalog.config import Environment, ManagedBy, Organisation, PlacementConfig, Service, Team
from staycalm.domains.catalog.model import environments, organisation, placements, services, teams
from staycalm.kit.database import ReadTx
from staycalm.kit.shapes import prepare

prepare(PlacementConfig)

MOST_ROWS = 5000


def get_organisation(tx: ReadTx) -> Organisation:
    """Return what the file says about the organisation, or the defaults."""
    row = tx.one_or_none(organisation.select().where(organisation.c.id == 1))
    return Organisation() if row is None else Organisation(row.name, row.time_zone, row.escalation_policy)


def find_service(tx: ReadTx, name: str, *, even_removed: bool = False) -> Service | None:
    """Return the service; a removed one only when asked for, because something of it may still run."""
    row = tx.one_or_none(services.select().where(services.c.name == name, _live(services, even_removed)))
    return None if row is None else _service(row)


def get_service(tx: ReadTx, name: str, *, even_removed: bool = False) -> Service:
    """Return the service; raises NotFound."""
    service = find_service(tx, name, even_removed=even_removed)
    if service is None:
        known = [each.name for each in list_services(tx)]
        raise NotFound(
            "no-service",
            f"there is no service {name!r}",
            next_step=f"Services: {', '.join(known[:20]) or 'none yet'}.",
            asked=name[:100],
            known=known[:200],
        )
    return service


def list_services(tx: ReadTx, *, managed_by: ManagedBy | None = None) -> tuple[Service, ...]:
    """Return all services by name."""
    rows = tx.rows(_all(services, managed_by).order_by(services.c.name))
    return tuple(_service(row) for row in rows)


def find_environment(tx: ReadTx, name: str) -> Environment | None:
    """Return the environment, or None."""
    row = tx.one_or_none(environments.select().where(environments.c.name == name, _live(environments)))
    return None if row is None else _environment(row)


def get_environment(tx: ReadTx, name: str) -> Environment:
    """Return the environment; raises NotFound."""
    environment = find_environment(tx, name)
    if environment is None:
        known = [each.name for each in list_environments(tx)]
        raise NotFound(
            "no-environment",
            f"there is no environment {name!r}",
            next_step=f"Environments: {', '.join(known[:20]) or 'none yet'}.",
            asked=name[:100],
            known=known[:200],
        )
    return environment


def list_environments(tx: ReadTx, *, managed_by: ManagedBy | None = None) -> tuple[Environment, ...]:
    """Return all environments by name."""
    rows = tx.rows(_all(environments, managed_by).order_by(environments.c.name))
    return tuple(_environment(row) for row in rows)


def find_team(tx: ReadTx, name: str) -> Team | None:
    """Return the team, or None."""
    row = tx.one_or_none(teams.select().where(teams.c.name == name, _live(teams)))
    return None if row is None else _team(row)


def list_teams(tx: ReadTx, *, managed_by: ManagedBy | None = None) -> tuple[Team, ...]:
    """Return all teams by name."""
    return tuple(_team(row) for row in tx.rows(_all(teams, managed_by).order_by(teams.c.name)))


def team_members(tx: ReadTx, team: str) -> tuple[str, ...]:
    """Return the handles of the team's members in the declared order; none when there is no such team."""
    found = find_team(tx, team)
    return () if found is None else found.members


# Asked with every look of monitoring, so each is built once; `True` finds removed ones too.
_ONE_PLACEMENT = sa.select(placements.c.config).where(
    placements.c.service == sa.bindparam("service"), placements.c.environment == sa.bindparam("environment")
)
_PLACEMENT = {True: _ONE_PLACEMENT, False: _ONE_PLACEMENT.where(placements.c.removed_at.is_(None))}


def find_placement(tx: ReadTx, placement: Placement, *, even_removed: bool = False) -> PlacementConfig | None:
    """Return what the placement declares; of a removed one, only when asked for, what it declared last."""
    which = {"service": placement.service, "environment": placement.environment}
    row = tx.execute(_PLACEMENT[even_removed], which).first()
    return None if row is None else config_of(row.config)


def get_placement(tx: ReadTx, placement: Placement, *, even_removed: bool = False) -> PlacementConfig:
    """Return what the placement declares. Raises NotFound, naming the service or environment that is unknown."""
    config = find_placement(tx, placement, even_removed=even_removed)
    if config is None:
        get_service(tx, placement.service)
        get_environment(tx, placement.environment)
        raise NotFound(
            "no-placement",
            f"{placement.service} has no placement in {placement.environment}",
            next_step="Add it under placements: in staycalm.yaml, then sc apply.",
        )
    return config


def list_placements(tx: ReadTx) -> tuple[PlacementConfig, ...]:
    """Return all placements by service and environment."""
    rows = tx.rows(
        sa.select(placements.c.config)
        .where(_live(placements))
        .order_by(placements.c.service, placements.c.environment)
        .limit(MOST_ROWS)
    )
    return tuple(config_of(row.config) for row in rows)


def config_of(body: Any) -> PlacementConfig:
    """Return the stored configuration as a value; keys that newer code wrote are ignored."""
    return msgspec.convert(body, PlacementConfig)


def body_of(config: PlacementConfig) -> Any:
    """Return the configuration as JSON values."""
    return msgspec.to_builtins(config)


def _live(table: sa.Table, even_removed: bool = False) -> sa.ColumnElement[bool]:
    return sa.true() if even_removed else table.c.removed_at.is_(None)


def _all(table: sa.Table, managed_by: ManagedBy | None) -> sa.Select[Any]:
    statement = sa.select(table).where(_live(table)).limit(MOST_ROWS)
    return statement if managed_by is None else statement.where(table.c.managed_by == managed_by)


def _service(row: Any) -> Service:
    return Service(
        name=row.name,
        title=row.title,
        kind=row.kind,
        tier=row.tier,
        team=row.team,
        owners=tuple(row.owners),
        depends_on=tuple(row.depends_on),
        escalation_policy=row.escalation_policy,
        runbook_url=row.runbook_url,
        managed_by=row.managed_by,
    )


def _environment(row: Any) -> Environment:
    return Environment(row.name, row.is_production, row.title, row.managed_by)


def _team(row: Any) -> Team:
    return Team(
        name=row.name,
        title=row.title,
        members=tuple(row.members),
        managers=tuple(row.managers),
        security_leads=tuple(row.security_leads),
        managed_by=row.managed_by,
    )
