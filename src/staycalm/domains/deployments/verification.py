"""Running the smoke tests against what is live now: `sc ops verify-deployment`."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.core.errors import NotFound
from staycalm.core.placement import Placement
from staycalm.domains.catalog import public as catalog
from staycalm.domains.deployments.queries import find_deployment, get_revision, list_live
from staycalm.domains.deployments.reconcile.wishes import smoke_checks
from staycalm.domains.deployments.records import LiveRevision
from staycalm.kit.database import Database, ReadTx
from staycalm.ports.smoke import SmokeCheck, SmokeResult, SmokeRunner


@dataclass(frozen=True, slots=True)
class Verified:
    """A live revision and what its smoke tests saw; empty when it declares none."""

    live: LiveRevision
    results: tuple[SmokeResult, ...]


async def verify(
    database: Database, smoke: SmokeRunner, *, environment: str, service: str | None = None
) -> tuple[Verified, ...]:
    """Return what every live placement of the environment (of the service) answers now.

    Raises NotFound for an unknown environment or service, and when nothing is live there.
    """
    todo = await database.read(_todo, environment, service)
    return tuple([Verified(live, await smoke.run(checks)) for live, checks in todo])


def _todo(tx: ReadTx, environment: str, service: str | None) -> list[tuple[LiveRevision, tuple[SmokeCheck, ...]]]:
    catalog.get_environment(tx, environment)
    if service is not None:
        catalog.get_placement(tx, Placement(service, environment))
    found = [
        each
        for each in list_live(tx, environment=environment)
        if service is None or each.placement.service == service
    ]
    if not found:
        raise NotFound(
            "nothing-live",
            f"nothing is live in {environment}" + (f" of {service}" if service else ""),
            next_step="Deploy something first: `sc ops deploy SERVICE ARTIFACT`.",
        )
    return [(each, _checks(tx, each)) for each in found]


def _checks(tx: ReadTx, live: LiveRevision) -> tuple[SmokeCheck, ...]:
    deployment = find_deployment(tx, live.deployment)
    assert deployment is not None
    config = catalog.find_placement(tx, live.placement) or deployment.config
    return smoke_checks(config, get_revision(tx, live.revision), is_live=True)
