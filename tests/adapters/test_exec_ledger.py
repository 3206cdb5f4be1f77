"""What is remembered of every placement behind commands: its generation and fence never go back."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.exec.ledger import Entry, from_json, rolled_back, to_json, wanted
from staycalm.ports.errors import Fenced
from staycalm.ports.traffic import Split
from tests.adapters.balancer import SHOP

splits = st.builds(
    Split,
    stable=st.just("blue"),
    candidate=st.sampled_from(["green", None]),
    candidate_weight=st.floats(0, 100),
    preview_token=st.none() | st.text(max_size=5),
)
steps = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), splits) | st.just("roll back"), max_size=20)


@given(steps)
def test_generation_and_fence_never_go_back(story: list[tuple[int, int, Split] | str]) -> None:
    entry = Entry()
    for step in story:
        before = entry
        if isinstance(step, str):
            if entry.split is None:
                continue
            entry = rolled_back(entry, entry.split)
            assert entry.is_rollback
        else:
            generation, fence, split = step
            try:
                entry = wanted(entry, SHOP, split, generation, fence)
            except Fenced:
                assert generation <= entry.generation or fence < entry.fence
            else:
                assert entry.split == split
        assert (entry.generation, entry.fence) >= (before.generation, before.fence) or entry.fence > before.fence
        assert entry.generation >= before.generation
        assert entry.fence >= before.fence
        if entry.generation == before.generation and before.split is not None:
            assert entry.split == before.split
        assert from_json(json.loads(json.dumps(to_json(entry)))) == entry
