"""What other domains may call. `tx` first, the actor second where something is written.

    get_deployment(tx, name) -> Deployment         find_deployment(tx, id) -> Deployment | None
    list_deployments(tx, *, limit, service, environment, state, cursor) -> Page[Deployment]
    live(tx, placement) -> LiveRevision | None     list_live(tx, *, environment, limit) -> tuple[LiveRevision, ...]
    list_meant_to_run(tx, placement) -> tuple[(Revision, is_stable), ...]
    list_revisions(tx, placement, *, limit) -> tuple[Revision, ...]
    thinned_history(tx, id) -> tuple[Moment, ...]    some 240 seconds of a rollout, evenly spread
    find_return(tx, id) -> Revision | None         what serves again once it is rolled back now
    roll_back(tx, actor, name, *, reason, settings) -> Deployment
`get_` raises NotFound. A name is DEP-n or a unique prefix of digest or commit.
"""

from __future__ import annotations

from staycalm.domains.deployments.picture.queries import thinned_history
from staycalm.domains.deployments.queries import (
    find_deployment,
    find_return,
    get_deployment,
    list_deployments,
    list_live,
    list_meant_to_run,
    list_revisions,
    live,
)
from staycalm.domains.deployments.records import Deployment, LiveRevision, Moment, Revision
from staycalm.domains.deployments.service import roll_back

__all__ = [
    "Deployment",
    "LiveRevision",
    "Moment",
    "Revision",
    "find_deployment",
    "find_return",
    "get_deployment",
    "list_deployments",
    "list_live",
    "list_meant_to_run",
    "list_revisions",
    "live",
    "roll_back",
    "thinned_history",
]
