"""What is true of pages after every turn: steps in order, nothing after the end, messages as the log has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from staycalm.core.events import LogEntry

IN_FLIGHT_S = 30.0
ENDS = ("oncall.page_acknowledged", "oncall.escalation_stopped")


def check_order_of_steps(row: Any, told: Sequence[LogEntry]) -> Iterator[str]:
    """The steps reached and skipped are the policy's, in its order, each once per round, up to the last of all."""
    numbers = [step["number"] for step in row.steps]
    pages = [number for number in numbers if number]
    expected = _order(numbers, pages, row.rounds)
    notice_is_possible = True
    empty: set[int] = set()
    for e in told:
        if e.name == "oncall.paged_again":
            expected, notice_is_possible, empty = _order(pages, pages, row.rounds), False, set()
        elif e.name in ("oncall.step_reached", "oncall.step_skipped"):
            got = (e.body["round"], e.body["step"])
            wanted = next(expected, None)
            if wanted != got and notice_is_possible and got[1] == 0:
                # The row holds the steps of the present generation: the notice of the first one is gone by then.
                expected, wanted = _order(pages, pages, row.rounds), (got[0], 0)
            if wanted != got:
                yield f"{row.subject}: step {got} was taken where {wanted} is next"
                return
            empty = empty | {got[1]} if e.name == "oncall.step_skipped" else set()
        elif e.name == "oncall.escalation_exhausted":
            left = next(expected, None)
            # Who finds nobody at any step just now does not go round once more.
            if left is not None and not set(pages) <= empty:
                yield f"{row.subject}: it was given up where step {left} is next"
                return


def _order(first: list[int], later: list[int], rounds: int) -> Iterator[tuple[int, int]]:
    for round_ in range(rounds):
        for number in first if round_ == 0 else later:
            yield round_, number


def check_nothing_after_the_end(
    told: Sequence[LogEntry], messages: Sequence[Any], sent: Mapping[str, LogEntry], steps: Sequence[LogEntry]
) -> Iterator[str]:
    """No page was queued after somebody had it, none waits, and none left beyond the one in flight.

    `told` is the log of one escalation, `messages` are its rows, `sent` the events of those that left by their
    ids, `steps` every time the clock was set. What is asked after `paged_again` is another generation.
    """
    generation, began, ended = 0, told[0] if told else None, None
    ends: dict[int, LogEntry] = {}
    for e in told:
        if e.name == "oncall.paged_again":
            generation, ended = generation + 1, None
        elif e.name in ENDS and ended is None:
            ended = ends[generation] = e
        elif e.name == "oncall.step_reached" and ended is not None:
            yield f"{e.subject}: step {e.body['step']} was taken after it had ended"
    for row in messages:
        end = ends.get(int(row.step.partition(".")[0])) if row.step[:1].isdigit() else None
        if end is None or began is None:
            continue
        who = f"{row.subject}: a page for {row.person}"
        if row.queued_at - end.at > _set_back(steps, began, end):
            yield f"{who} was queued after it had ended"
        if row.state == "pending":
            yield f"{who} waits after it has ended"
        left = sent.get(row.id)
        if left is not None and left.seq > end.seq:
            after = left.at - end.at - _stepped(steps, end, left)
            if after.total_seconds() > IN_FLIGHT_S:
                yield f"{who} left {after} after its end"


def _stepped(steps: Sequence[LogEntry], first: LogEntry, last: LogEntry) -> timedelta:
    """Return by how much the clock was set between two events."""
    return timedelta(seconds=sum(e.body["step_s"] for e in steps if first.seq < e.seq < last.seq))


def _set_back(steps: Sequence[LogEntry], first: LogEntry, last: LogEntry) -> timedelta:
    """Return by how much the clock was set back between two events: so much later may look what came before."""
    backwards = [e for e in steps if e.body["step_s"] < 0]
    return -_stepped(backwards, first, last)


def check_messages(rows: Sequence[Any], log: Sequence[LogEntry]) -> list[str]:
    """A message is sent exactly when the log says so, once."""
    sent = Counter(e.body["notification"] for e in log if e.name == "oncall.notification_sent")
    found = [f"message {id} was sent {many} times" for id, many in sent.items() if many > 1]
    for row in rows:
        if (row.state == "sent") != (sent[row.id] == 1):
            found.append(f"a message to {row.person} is {row.state}; the log says sent {sent[row.id]} times")
    unknown = sent.keys() - {row.id for row in rows}
    return [*found, *(f"message {id} was sent and is not there" for id in sorted(unknown))]
