"""What met the SOP's targets and what did not, as measured (SOP §5.3). It names systems, no individuals. Pure."""

from __future__ import annotations

from staycalm.core.durations import format_duration
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.figures import (
    ACKNOWLEDGE_TARGET_S,
    DETECT_TARGET_S,
    RECOVER_TARGET_S,
    ROLLBACK_TARGET_S,
    said,
)
from staycalm.domains.incidents.timeline.words import people


def went_well(facts: Facts) -> list[str]:
    """Return what met the SOP's targets, as measured."""
    figures, rollback = facts.figures, facts.rollback
    found: list[str] = []
    if rollback is not None and rollback.is_automatic:
        found.append("The rollback fired by itself; nobody had to decide.")
    if figures.rollback_s is not None and figures.rollback_s < ROLLBACK_TARGET_S:
        found.append(f"Traffic was back on the stable version {said(figures.rollback_s)} after the decision.")
    if rollback is not None and rollback.stable_is_healthy:
        found.append("The stable version was healthy after the rollback.")
    if figures.detect_s is not None and figures.detect_s < DETECT_TARGET_S:
        found.append(f"It was detected within {said(figures.detect_s)} of the first impact.")
    if figures.acknowledge_s is not None and figures.acknowledge_s <= ACKNOWLEDGE_TARGET_S:
        found.append(f"It was acknowledged {said(figures.acknowledge_s)} after the first page.")
    if figures.recover_s is not None and figures.recover_s < RECOVER_TARGET_S:
        found.append(f"Users were served again after {said(figures.recover_s)}.")
    return found


def went_wrong(facts: Facts) -> list[str]:
    """Return what missed the SOP's targets or did not work, as recorded."""
    figures, rollback = facts.figures, facts.rollback
    found: list[str] = []
    if rollback is not None and rollback.failed_requests:
        many = "1 request" if rollback.failed_requests == 1 else f"{rollback.failed_requests} requests"
        found.append(f"{many} failed before the rollback was in force.")
    if rollback is not None and not rollback.stable_is_healthy:
        found.append("The stable version was not healthy after the rollback.")
    if figures.rollback_s is not None and figures.rollback_s >= ROLLBACK_TARGET_S:
        found.append(f"The rollback took {said(figures.rollback_s)}; the target is under 5s.")
    found.extend(f"It was taken for over, and came back: {each.reason}." for each in facts.reopenings)
    found.extend(_paging_trouble(facts))
    if figures.detect_s is not None and figures.detect_s >= DETECT_TARGET_S:
        found.append(f"Detection took {said(figures.detect_s)}; the target is under {said(DETECT_TARGET_S)}.")
    if figures.acknowledge_s is not None and figures.acknowledge_s > ACKNOWLEDGE_TARGET_S:
        found.append(f"It took {said(figures.acknowledge_s)} until somebody had it; the target is under 15m.")
    if figures.recover_s is not None and figures.recover_s >= RECOVER_TARGET_S and facts.about.priority == "P0":
        found.append(f"Recovery took {said(figures.recover_s)}; the target is under {said(RECOVER_TARGET_S)}.")
    return found


def _paging_trouble(facts: Facts) -> list[str]:
    found: list[str] = []
    if facts.was_nobody_paged:
        found.append("Nobody could be paged when it was declared.")
    for page, following in zip(facts.pages, facts.pages[1:], strict=False):
        if page.is_page and following.is_page and page.acknowledged_at is None:
            waited = format_duration((following.at - page.at).total_seconds())
            found.append(f"Step {page.step} of the escalation had no answer within {waited}; it went on.")
    if facts.skipped_steps:
        steps = people([str(step) for step in dict.fromkeys(facts.skipped_steps)])
        found.append(f"Nobody was on call for step {steps} of the escalation.")
    if facts.failed_deliveries:
        found.append(f"{facts.failed_deliveries} attempts to deliver a message failed.")
    return found
