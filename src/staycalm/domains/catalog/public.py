"""What other domains may call. `tx` first; `get_` raises NotFound, `find_` may be None.

What left the file is out of every list and answer; `even_removed=True` still finds its last declaration,
for what runs on. `resolve_references` fills `${env:…}` and `${file:…}` in, where a program is started.
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
from staycalm.domains.catalog.decisions import resolve_references
from staycalm.domains.catalog.located import Mark, Node, Problem
from staycalm.domains.catalog.queries import (
    find_environment,
    find_placement,
    find_service,
    find_team,
    get_environment,
    get_organisation,
    get_placement,
    get_service,
    list_environments,
    list_placements,
    list_services,
    list_teams,
    team_members,
)
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
    "find_environment",
    "find_placement",
    "find_service",
    "find_team",
    "get_environment",
    "get_organisation",
    "get_placement",
    "get_service",
    "list_environments",
    "list_placements",
    "list_services",
    "list_teams",
    "resolve_references",
    "team_members",
]
