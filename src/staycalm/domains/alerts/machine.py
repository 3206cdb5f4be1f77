"""States of an alert. Pure.

A resolved alert is final: the same condition firing again is a new alert with the flap counter one higher.
"""

from __future__ import annotations

from typing import Literal, get_args

from staycalm.core.machine import Transitions

AlertState = Literal["firing", "acknowledged", "suppressed", "resolved"]
STATES: tuple[AlertState, ...] = get_args(AlertState)
OPEN: frozenset[AlertState] = frozenset({"firing", "acknowledged", "suppressed"})

TABLE: Transitions = {
    ("firing", "acknowledge"): "acknowledged",
    ("firing", "suppress"): "suppressed",
    ("firing", "resolve"): "resolved",
    ("acknowledged", "acknowledge"): "acknowledged",
    ("acknowledged", "hand_back"): "firing",
    ("acknowledged", "resolve"): "resolved",
    ("suppressed", "acknowledge"): "acknowledged",
    ("suppressed", "release"): "firing",
    ("suppressed", "resolve"): "resolved",
}


def sources_of(verb: str) -> tuple[str, ...]:
    """Return the states the verb may be used in, for a guarded update."""
    return tuple(sorted(state for state, known in TABLE if known == verb))
