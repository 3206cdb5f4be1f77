"""What monitoring tells. The subject of a condition is `rule/service@environment`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class ConditionFiring(Event):
    """A rule has held for its `for` time. `value` is what was measured, None where it was absence itself."""

    name: ClassVar[str] = "monitoring.condition_firing"

    rule: str
    priority: str
    summary: str
    value: float | None
    threshold: float
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConditionCleared(Event):
    """A firing rule does not hold any more. `fired_for_s` seconds passed since it fired."""

    name: ClassVar[str] = "monitoring.condition_cleared"

    rule: str
    priority: str
    reason: str
    value: float | None
    fired_for_s: float


@dataclass(frozen=True, kw_only=True)
class HealthReported(Event):
    """A full health report ended with another verdict than the one before, or somebody had asked for it.

    The subject is the report's id; `failed` names the findings that are not ok, at most 50.
    """

    name: ClassVar[str] = "monitoring.health_reported"

    ok: bool
    failed: list[str] = field(default_factory=list)
    is_on_demand: bool = False


ALL: tuple[type[Event], ...] = (ConditionFiring, ConditionCleared, HealthReported)
