"""What on-call has to ask of domains above it. Filled in `app/wiring.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from staycalm.kit.database import Tx


class FindStanding(Protocol):
    """Does an alert that was raised still ask for a page? Answered by `alerts`."""

    def __call__(self, tx: Tx, group_id: str, rule: str, alert_id: str, /) -> str | None:
        """Return the open, unmuted alert that the rule stands on in the group until the transaction ends."""
        ...
