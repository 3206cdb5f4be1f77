"""What StayCalm tells of itself. Here, so that the engine can emit it and alerts can listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from staycalm.core.events import Event


@dataclass(frozen=True, kw_only=True)
class DeliveryDied(Event):
    """A subscriber failed on an event for good; later events pass it. `subject` is the event's own."""

    name: ClassVar[str] = "engine.delivery_died"
    subscriber: str
    event_seq: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class EngineWentSilent(Event):
    """Another engine process stopped renewing its heartbeat without saying goodbye. `subject` is its name."""

    name: ClassVar[str] = "engine.went_silent"
    silent_for_s: float


@dataclass(frozen=True, kw_only=True)
class EngineJoined(Event):
    """An engine process has a heartbeat: it has started, or it is back after a silence. `subject` is its name."""

    name: ClassVar[str] = "engine.joined"


@dataclass(frozen=True, kw_only=True)
class ClockStepped(Event):
    """The wall clock was moved by `step_s` seconds; time has followed it."""

    name: ClassVar[str] = "engine.clock_stepped"
    step_s: float
