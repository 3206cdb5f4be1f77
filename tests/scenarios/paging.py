"""What is true of pages after every turn: steps in order, nothing after the end, messages as the log has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from staycalm.core.events import LogEntry
from staycalm.domains.oncall.notifications.model import notifications
from staycalm.kit.database import ReadTx

IN_FLIGHT_S = 30.0


def check_order_of_steps(row: Any, told: list[LogEntry]) -> Iterator[str]:
    """The steps reached and skipped are the policy's, in its order, each once per round."""
    numbers = [step["number"] for step in row.steps]
    pages = [number for number in numbers if number]
    expected = _order(numbers, pages, row.rounds)
    notice_is_possible = True
    for e in told:
        if e.name == "oncall.paged_again":
            expected, notice_is_possible = _order(pages, pages, row.rounds), False
        elif e.name in ("oncall.step_reached", "oncall.step_skipped"):
            wanted = next(expected, None)
            if wanted != (e.body["round"], e.body["step"]) and notice_is_possible and e.body["step"] == 0:
                # The row holds the steps of the present generation: the notice of the first one is gone by then.
                expected, wanted = _order(pages, pages, row.rounds), (e.body["round"], 0)
            if wanted != (e.body["round"], e.body["step"]):
                got = (e.body["round"], e.body["step"])
                yield f"{row.subject}: step {got} was taken where {wanted} is next"
                return


def _order(first: list[int], later: list[int], rounds: int) -> Iterator[tuple[int, int]]:
    for round_ in range(rounds):
        for number in first if round_ == 0 else later:
            yield round_, number


def check_nothing_after_the_end(
    tx: ReadTx, by_escalation: dict[str, list[LogEntry]], set_back: timedelta
) -> Iterator[str]:
    """No page was queued after somebody had it, none waits, and none left beyond the one in flight."""
    for escalation, told in by_escalation.items():
        ends = [e for e in told if e.name in ("oncall.page_acknowledged", "oncall.escalation_stopped")]
        begins = [e for e in told if e.name == "oncall.paged_again"]
        if not ends or (begins and begins[-1].seq > ends[-1].seq):
            continue
        ended_at = ends[-1].at + set_back
        rows = tx.rows(sa.select(notifications).where(notifications.c.escalation == escalation))
        for row in rows:
            if row.queued_at > ended_at:
                yield f"{row.subject}: a page for {row.person} was queued after it had ended"
            if row.state == "pending":
                yield f"{row.subject}: a page for {row.person} waits after it has ended"
            if row.state == "sent" and (row.ended_at - ended_at).total_seconds() > IN_FLIGHT_S:
                yield f"{row.subject}: a page for {row.person} left {row.ended_at - ended_at} after its end"


def check_messages(tx: ReadTx, log: list[LogEntry]) -> list[str]:
    """A message is sent exactly when the log says so, once."""
    sent = Counter(e.body["notification"] for e in log if e.name == "oncall.notification_sent")
    found = [f"message {id} was sent {many} times" for id, many in sent.items() if many > 1]
    for row in tx.rows(sa.select(notifications)):
        if (row.state == "sent") != (sent[row.id] == 1):
            found.append(f"a message to {row.person} is {row.state}; the log says sent {sent[row.id]} times")
    return found
