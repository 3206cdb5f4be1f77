"""After a restart of ours: what should still run is known again, and what nobody asked for is reported."""

from __future__ import annotations

from collections.abc import Mapping

from staycalm.domains.deployments.queries import running_revisions
from staycalm.kit.database import Database
from staycalm.ports.deploy import DeployTarget
from staycalm.ports.errors import PortError


async def adopt_revisions(database: Database, targets: Mapping[str, DeployTarget]) -> tuple[str, ...]:
    """Every target has taken up the revisions that should run; returns the orphans, which are left alone.

    A target that does not answer is passed over: the inspection of each placement tries again.
    """
    known = await database.read(running_revisions)
    orphans: list[str] = []
    for name, target in targets.items():
        try:
            found = await target.adopt(tuple(each.spec for each in known if each.target == name))
        except PortError:
            continue
        orphans.extend(found.orphans)
    return tuple(sorted(orphans))
