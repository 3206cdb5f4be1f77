"""The live stream tells nobody more than the pages do."""

from __future__ import annotations

from staycalm.app.live_pages import NEEDS, allowed

TOPICS = [
    "DEP:DEP-1", "INC:INC-1", "alerts:open", "oncall:now", "services:all", "SIG:shop@production@24h", "people:",
    "nonsense:1",
]  # fmt: skip


def test_a_pipeline_sees_rollouts_and_services_alone() -> None:
    assert allowed(TOPICS, ["ci"]) == ["DEP:DEP-1", "services:all", "SIG:shop@production@24h"]


def test_people_see_every_kind_there_is() -> None:
    assert allowed([f"{kind}:x" for kind in NEEDS], ["support"]) == [f"{kind}:x" for kind in NEEDS]
    assert allowed(TOPICS, []) == []
