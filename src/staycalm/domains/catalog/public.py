"""What other domains may call. `tx` first.

    get_service(tx, name) -> Service              find_service(tx, name) -> Service | None
    list_services(tx) -> tuple[Service, ...]      get_environment(tx, name) -> Environment
    list_environments(tx) -> tuple[Environment, ...]
    get_placement(tx, placement) -> PlacementConfig      find_placement(tx, placement) -> PlacementConfig | None
    list_placements(tx) -> tuple[PlacementConfig, ...]
    get_organisation(tx) -> Organisation          find_team(tx, name) -> Team | None
    team_members(tx, team) -> tuple[str, ...]     (handles)
`get_` raises NotFound.
"""

from __future__ import annotations

from staycalm.domains.catalog.config import (
    BusinessMetric,
    CapacityLimits,
    DataIntegrityCheck,
    Environment,
    MetricQueries,
    Organisation,
    PlacementConfig,
    ProbeConfig,
    Service,
    SmokeTest,
    Team,
)
from staycalm.domains.catalog.located import Mark, Node, Problem
from staycalm.domains.catalog.questions import Change, FileSection, Names

__all__ = [
    "BusinessMetric",
    "CapacityLimits",
    "Change",
    "DataIntegrityCheck",
    "Environment",
    "FileSection",
    "Mark",
    "MetricQueries",
    "Names",
    "Node",
    "Organisation",
    "PlacementConfig",
    "ProbeConfig",
    "Problem",
    "Service",
    "SmokeTest",
    "Team",
]
