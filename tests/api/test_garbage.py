"""Whatever stands in an address, the answer is never a 5xx."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.app.openapi import permissions
from tests.api.application import Asked
from tests.api.document import API, DOCUMENT

PATHS = sorted(path for method, path in permissions(API.routes) if method == "get")
QUERIES = {
    path: [each["name"] for each in item["get"].get("parameters", ()) if each["in"] == "query"]
    for path, item in DOCUMENT["paths"].items()
    if "get" in item
}
NASTY = st.sampled_from([
    "..", "%", "%00", "\x00", "'", '"; drop table x', "-1", "0", "1e999", "9" * 40, "NaN", "INC-0", "null", "[]",
    "INC-" + "9" * 30, "DEP-00", "ALG-1 ", "sha256:", "sha256:" + "f" * 63, "a" * 5000, "é", "\U0001f525", "²",
    "2026-02-30T25:00:00Z", "0001-01-01T00:00:00+23:59", "*", "_", "%25", "a=b", "local", "\n", "\u202e",
])  # fmt: skip
WORDS = st.one_of(NASTY, st.text(st.characters(codec="utf-8"), max_size=30))


@pytest.mark.parametrize("path", PATHS)
@settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_garbage_in_an_address_is_refused_in_words(asked: Asked, path: str, data: st.DataObject) -> None:
    filled = path
    while "{" in filled:
        before, _, rest = filled.partition("{")
        word = quote(data.draw(WORDS), safe="") or "x"
        filled = before + word + rest.partition("}")[2]
    names = [*QUERIES.get(path, ()), "cursor", "limit", "topic"]
    query = data.draw(st.dictionaries(st.sampled_from(names), WORDS, max_size=4))
    answer = asked.ask("admin", "GET", filled, params=query)
    assert answer.status_code < 500, (filled, query, answer.text[:500])
