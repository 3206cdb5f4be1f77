"""A rollout takes as long as was planned, whatever the clock does: no stage lasts for longer than it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from staycalm.domains.deployments.model import deployments
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.kit.database import ReadTx

SLACK_S = 180.0
"""A proxy that does not answer, a database that takes no commits, and looks that are far apart."""


@dataclass
class _Stage:
    """How long a stage has lasted but for the time it was frozen, by a clock that nobody sets."""

    step: tuple[str, int]
    weight: float
    planned_s: float
    steps_of_clock: int
    lasted_s: float = 0.0
    is_going: bool = False


class Stages:
    """Follows every rollout from one change of the world to the next."""

    def __init__(self, settings: DeploymentsSettings) -> None:
        self._settings = settings
        self._stages: dict[str, _Stage] = {}
        self._at_s = 0.0

    def look(self, tx: ReadTx, now_s: float, steps_of_clock: int) -> Iterator[str]:
        """Yield a sentence for every stage that lasts too long. A clock that was set may begin one anew."""
        for name, stage in self._stages.items():
            if stage.is_going:
                stage.lasted_s += now_s - self._at_s
            most_s = stage.planned_s * (1 + steps_of_clock - stage.steps_of_clock) + SLACK_S
            if stage.lasted_s > most_s:
                yield f"{name} stood at {stage.weight:g} % for {stage.lasted_s:.0f} s, not {most_s:.0f}"
        before, self._stages, self._at_s = self._stages, {}, now_s
        shifted = sa.select(deployments).where(deployments.c.state.in_(("shifting", "verifying")))
        for row in tx.rows(shifted.where(deployments.c.weight == deployments.c.wanted_weight)):
            stage = before.get(row.id)
            if stage is None or stage.step != (row.state, row.step):
                stage = _Stage((row.state, row.step), row.weight, self._planned_s(row), steps_of_clock)
            stage.is_going = row.held_code is None and not row.is_paused
            self._stages[row.id] = stage

    def _planned_s(self, row: Any) -> float:
        if row.state == "verifying":
            return self._settings.verify_s
        if row.step < 0:
            return self._settings.baseline_s
        return float(row.steps[row.step][1])
