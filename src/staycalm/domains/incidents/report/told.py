"""What people wrote, as parts of a report; a prompt where nobody has yet. Pure."""

from __future__ import annotations

from datetime import datetime

from staycalm.domains.incidents.report.document import Block, Section, bullets, checks, prompt, words
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.written import Measure


def asked(text: str, question: str) -> tuple[Block, ...]:
    """Return the words, or the question that waits for them."""
    return words(text) or (prompt(question),)


def titled(heading: str, text: str) -> tuple[Block, ...]:
    """Return the words under a small heading; nothing where there are none."""
    return (Block("heading", (heading,)), *words(text)) if text else ()


def measures(facts: Facts) -> tuple[Block, ...]:
    """Return the action items with owner and day (SOP §5.3); while there are none, what follows from the facts."""
    kept = [each for each in facts.written.measures if each.state != "dropped"]
    dropped = [each for each in facts.written.measures if each.state == "dropped"]
    if not (kept or dropped):
        return (checks(action_items(facts)),)
    ticked = [n for n, each in enumerate(kept) if each.state == "done"]
    boxes = (checks([_line(each) for each in kept], ticked),) if kept else ()
    gone = [f"Dropped: {each.what} ({each.id}): {each.reason}" for each in dropped]
    return (*boxes, *((bullets(gone),) if gone else ()))


def _line(measure: Measure) -> str:
    ended = f", done {measure.ended_at:%Y-%m-%d}" if measure.state == "done" and measure.ended_at else ""
    lead = "Documentation update: " if measure.kind == "documentation" else ""
    return f"{lead}{measure.what} ({measure.id}, Owner: {measure.owner}, Due: {measure.due_on.isoformat()}{ended})"


def amendments(facts: Facts) -> tuple[Section, ...]:
    """Return what was appended after publication, each with its author and time; nothing where nothing was."""
    blocks: list[Block] = []
    for each in facts.written.amendments:
        blocks += [Block("heading", (f"{moment(each.at)}, {each.by}",)), *words(each.text)]
    return (Section("Amendments", tuple(blocks)),) if blocks else ()


def standing(facts: Facts) -> list[tuple[str, str]]:
    """Return until when it is due, and once somebody wrote, how far it is."""
    told: list[tuple[str, str]] = []
    published_at = facts.written.published_at
    if facts.post_mortem is not None and published_at is None:
        told.append(("Due", moment(facts.post_mortem.due_at)))
    if published_at is not None:
        told.append(("Published", moment(published_at)))
    elif facts.written.state == "in-review":
        told.append(("Standing", "in review"))
    return told


def moment(at: datetime) -> str:
    """Return the instant as a reader of a report sees it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime, start: datetime) -> str:
    """Return the time of day, with the day where it is another than that of the start."""
    return f"{at:%H:%M}" if at.date() == start.date() else f"{at:%Y-%m-%d %H:%M}"


def action_items(facts: Facts) -> list[str]:
    """Return the measures that follow from the facts, each with room for an owner and a date (SOP §5.3)."""
    found: list[str] = []
    if facts.rollback is not None:
        what = facts.rollback.release or "the release that was rolled back"
        found.append(f"Find and mend the fault in {what} before it is deployed again")
        found.append("Add a test or check that catches this before users meet it")
    else:
        found.append("Preventive measure: remove the cause")
        found.append("Preventive measure: notice it earlier")
    if facts.was_nobody_paged or facts.skipped_steps:
        found.append("Close the hole in the on-call schedule or escalation policy")
    if facts.failed_deliveries:
        found.append("Find out why messages could not be delivered")
    found.append("Documentation update")
    return [f"{each} (Owner: to be named, Due: to be set)" for each in found]
