"""State machines as tables: a transition is `move(TABLE, state, verb)`, then one guarded UPDATE."""

from __future__ import annotations

from collections.abc import Mapping

from staycalm.core.errors import Conflict

Transitions = Mapping[tuple[str, str], str]


def move(table: Transitions, state: str, verb: str, *, what: str = "it") -> str:
    """Return the state that `verb` leads to from `state`; raises Conflict when the table has no such edge."""
    try:
        return table[state, verb]
    except KeyError:
        allowed = sorted(v for s, v in table if s == state)
        raise Conflict(
            "wrong-state",
            f"cannot {verb.replace('_', ' ')} {what}: it is {state}",
            next_step=f"From here you can: {', '.join(allowed)}." if allowed else "This state is final.",
            state=state,
        ) from None


def reachable(table: Transitions, start: str) -> frozenset[str]:
    """Return every state that can follow from `start`, itself included."""
    seen = {start}
    frontier = [start]
    while frontier:
        here = frontier.pop()
        for (source, _), target in table.items():
            if source == here and target not in seen:
                seen.add(target)
                frontier.append(target)
    return frozenset(seen)
