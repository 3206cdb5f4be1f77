"""The outside as monitoring needs it: who looks, who counts, who is asked. Filled in `app/wiring.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from staycalm.domains.monitoring.questions import Deployed, nothing_deployed
from staycalm.ports.deploy import DeployTarget
from staycalm.ports.errors import OutsideUnavailable, Unsupported
from staycalm.ports.metrics import MetricSource
from staycalm.ports.probes import HostHealth, Prober
from staycalm.ports.traffic import TrafficRouter


@dataclass(frozen=True)
class Outside:
    """Ports by the name a placement declares: routers "envoy", "exec"; targets "process", "exec"."""

    prober: Prober
    routers: Mapping[str, TrafficRouter] = field(default_factory=dict)
    targets: Mapping[str, DeployTarget] = field(default_factory=dict)
    sources: Mapping[str, MetricSource] = field(default_factory=dict)
    hosts: tuple[HostHealth, ...] = ()
    deployed: Deployed = nothing_deployed

    def router(self, name: str) -> TrafficRouter:
        """Return the router; raises OutsideUnavailable when this server has none of that name."""
        if name not in self.routers:
            raise OutsideUnavailable(f"this server has no {name} router")
        return self.routers[name]

    def target(self, name: str) -> DeployTarget:
        """Return the deploy target; raises Unsupported when this server has none of that name."""
        if name not in self.targets:
            raise Unsupported(f"this server has no {name} target")
        return self.targets[name]
