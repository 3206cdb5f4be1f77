"""The report has the SOP's title and headings in its order, and says unknown where nothing was measured."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.domains.incidents import events as incidents
from staycalm.domains.incidents.report.customer import post_incident_summary
from staycalm.domains.incidents.report.document import (
    Block,
    Document,
    Section,
    escape,
    to_data,
    to_markdown,
)
from staycalm.domains.incidents.report.draft import post_mortem, root_cause_analysis
from staycalm.domains.incidents.report.facts import Facts, gather
from staycalm.domains.incidents.report.figures import find_pages
from staycalm.domains.incidents.report.page import to_html
from staycalm.domains.oncall import events as oncall
from tests.domains.incidents.stories import BOB, START, Log, a_bad_release, about, rolled_back

# SOP-12.02 §5.3, "Format".
HEADINGS = [
    "## Summary", "## Timeline", "## Root Cause", "## Impact", "## What Went Well", "## What Went Wrong",
    "## Action Items", "## Lessons Learned",
]  # fmt: skip


def section(markdown: str, heading: str) -> list[str]:
    body = markdown.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in body.splitlines() if line]


def headings(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("## ")]


def table(markdown: str, heading: str) -> dict[str, list[str]]:
    """Return the cells of the section's first table by their row's first cell."""
    rows = [line[2:-2].split(" | ") for line in section(markdown, heading) if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in rows[2:]}


def the_night() -> Facts:
    return gather(about(), a_bad_release().entries)


def test_the_title_and_headings_are_the_sops_in_its_order() -> None:
    markdown = to_markdown(post_mortem(the_night()))
    assert markdown.startswith("# Incident Post-Mortem: shop rolled back\n")
    assert headings(markdown) == HEADINGS


def test_the_timeline_has_the_sops_form() -> None:
    lines = section(to_markdown(post_mortem(the_night())), "Timeline")
    assert all(re.match(r"- \d\d:\d\d - \S", line) for line in lines)
    assert lines[2] == "- 09:01 - DEP-3 rolled back within 800ms: stable serves all traffic; 42 requests failed"


def test_the_impact_is_measured() -> None:
    markdown = to_markdown(post_mortem(the_night()))
    assert section(markdown, "Impact")[:4] == [
        "- Duration: 41.8s",
        "- Users affected: unknown",
        "- Requests failed: 42",
        "- Revenue impact: unknown",
    ]
    assert table(markdown, "Impact") == {
        "Detection (MTTD), from the first impact": ["41s", "under 5m", "met"],
        "First page, from detection": ["1.8s", "none", ""],
        "Acknowledgement, from the first page": ["6m", "under 15m", "met"],
        "Mitigation, from detection": ["800ms", "none", ""],
        "Recovery (MTTR), from the first impact": ["41.8s", "under 1h", "met"],
        "Rollback, from the decision": ["800ms", "under 5s", "met"],
    }


def test_what_was_not_measured_is_unknown_and_never_nought() -> None:
    log = Log()
    log.add(0, incidents.IncidentDeclared(
        subject="INC-1", priority="P0", title="Service Down", cause="c", cause_kind="hand"), BOB)  # fmt: skip
    bare = about(
        state="triage", declared_by="bob", impact_started_at=None, detected_at=None, impact_ended_at=None,
        resolved_at=None, service=None, environment=None,
    )  # fmt: skip
    markdown = to_markdown(post_mortem(gather(bare, log.entries)))
    assert headings(markdown) == HEADINGS
    assert section(markdown, "Impact")[:4] == [
        "- Duration: unknown, users may still be affected",
        "- Users affected: unknown",
        "- Requests failed: unknown",
        "- Revenue impact: unknown",
    ]
    assert not re.search(r"(?<![\d:])0(?:s|ms)?(?![\d:])", "\n".join(section(markdown, "Impact")))
    assert "It was declared by bob." in section(markdown, "Summary")[0]


def test_a_rollback_that_nothing_measured_reports_unknown_requests() -> None:
    log = Log()
    log.add(60, rolled_back(failed_requests=None, detected_after_s=None, rollback_took_s=None, evidence={}))
    markdown = to_markdown(post_mortem(gather(about(impact_started_at=None), log.entries)))
    assert "- Requests failed: unknown" in markdown
    measured = table(markdown, "Impact")
    assert measured["Detection (MTTD), from the first impact"] == ["unknown", "under 5m", "unknown"]
    assert measured["Rollback, from the decision"] == ["unknown", "under 5s", "unknown"]


def test_nought_failed_requests_is_a_measurement() -> None:
    log = Log()
    log.add(60, rolled_back(failed_requests=0))
    assert "- Requests failed: 0" in to_markdown(post_mortem(gather(about(), log.entries)))


def test_the_summary_is_one_paragraph_with_what_where_and_when() -> None:
    (summary,) = section(to_markdown(post_mortem(the_night())), "Summary")
    assert summary.startswith(
        "INC-1 was a P0 incident on shop in production, from 2026-03-02 09:00 UTC to 09:31 UTC. "
        "DEP-3 was rolled back by itself because error rate rose by 5.1 points; the stable version was healthy"
    )
    assert "bob took it 6m after the first page." in summary


def test_an_incident_that_came_back_says_so_to_colleagues_and_to_customers() -> None:
    log = a_bad_release()
    log.add(2400, incidents.IncidentReopened(subject="INC-1", reason="Orders fail again."), BOB)
    log.add(86400, incidents.IncidentReopened(subject="INC-1", reason="And again"), BOB)
    facts = gather(about(), log.entries)
    (summary,) = section(to_markdown(post_mortem(facts)), "Summary")
    assert "It came back at 09:40 UTC: Orders fail again. It came back at 2026-03-03 09:00 UTC: And" in summary
    wrong = section(to_markdown(post_mortem(facts)), "What Went Wrong")
    assert "- It was taken for over, and came back: Orders fail again." in wrong
    told = to_markdown(post_incident_summary(facts))
    assert "It came back 2 times more after it seemed to be over." in told
    assert "Orders fail" not in told


def test_the_root_cause_carries_the_evidence_of_the_rollback() -> None:
    lines = section(to_markdown(post_mortem(the_night())), "Root Cause")
    assert "- The trouble came with REL-3, deployed as DEP-3." in lines
    assert "- Evidence: error rate of the candidate is 5.2 %, stable's 0.1 %" in lines
    assert "- Compared: 812 requests to the candidate with 7201 to stable." in lines
    assert lines[-1] == "[What actually caused the issue]"


def test_what_went_wrong_names_systems_and_no_people() -> None:
    document = post_mortem(the_night())
    wrong = "\n".join(section(to_markdown(document), "What Went Wrong"))
    assert "Step 1 of the escalation had no answer within 5m; it went on." in wrong
    assert "42 requests failed before the rollback was in force." in wrong
    assert "alice" not in wrong and "bob" not in wrong


def test_action_items_have_room_for_owner_and_date() -> None:
    items = section(to_markdown(post_mortem(the_night())), "Action Items")
    assert len(items) >= 3
    assert all(re.fullmatch(r"- \[ \] .+ \(Owner: to be named, Due: to be set\)", item) for item in items)
    assert items[-1].startswith("- [ ] Documentation update")


def test_a_p2_has_a_short_analysis() -> None:
    markdown = to_markdown(root_cause_analysis(gather(about(priority="P2"), a_bad_release().entries)))
    assert markdown.startswith("# Root-Cause Analysis: shop rolled back\n")
    assert headings(markdown) == ["## Cause", "## Why It Was Not Caught Earlier", "## Action"]


def test_nobody_paged_and_empty_steps_are_said() -> None:
    log = Log()
    log.add(0, oncall.NobodyPaged(subject="INC-1", priority="P0", title="t", reason="no policy"))
    log.add(1, oncall.StepSkipped(
        subject="INC-1", escalation="e", step=2, round=0, targets=[], reason="nobody on call"))  # fmt: skip
    markdown = to_markdown(post_mortem(gather(about(), log.entries)))
    assert "- 09:00 - NOBODY PAGED: no policy" in markdown
    assert "Nobody could be paged when it was declared." in markdown
    assert "Nobody was on call for step 2 of the escalation." in markdown


def test_who_was_paged_when_and_what_came_of_it() -> None:
    first, second = find_pages(a_bad_release().entries, "INC-1")
    assert (first.people, first.delivered_at, first.acknowledged_by) == (
        ("alice",), START + timedelta(seconds=61), None,
    )  # fmt: skip
    assert (second.people, second.acknowledged_by, second.acknowledged_at) == (
        ("bob",), "bob", START + timedelta(seconds=420),
    )  # fmt: skip


# -- forms --------------------------------------------------------------------------------------

HOSTILE = "# <script>alert(1)</script> *bold* [x](javascript:y) `code` | a_b _i_\n- item"


def test_hostile_titles_are_titles_in_every_form() -> None:
    document = post_mortem(gather(about(title=HOSTILE), a_bad_release().entries))
    markdown = to_markdown(document)
    assert headings(markdown) == HEADINGS
    page = to_html(document)
    assert "<script" not in page and html.escape("<script>") in page
    assert to_data(document)["title"] == "Incident Post-Mortem: " + HOSTILE


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("error_rate of shop_v2", "error_rate of shop_v2"),
        ("*all* _of_ `it`", r"\*all\* \_of\_ \`it\`"),
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("[x](y) <b>", r"\[x\](y) \<b\>"),
        ("5 % of 3 > 2", r"5 % of 3 \> 2"),
    ],
)
def test_markdown_is_escaped_where_it_would_mean_something_and_nowhere_else(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(st.text(max_size=100))
def test_any_text_stays_on_its_line_in_markdown(text: str) -> None:
    blocks = (Block("bullets", (text, text)), Block("checks", (text,)), Block("table", rows=((text,), (text,))))
    document = Document(text, (Section(text, blocks),))
    markdown = to_markdown(document)
    assert len([line for line in markdown.splitlines() if line.startswith("#")]) == 2
    assert len([line for line in markdown.splitlines() if line.startswith("- ")]) == 3
    assert len([line for line in markdown.splitlines() if line.startswith("| ")]) == 3
