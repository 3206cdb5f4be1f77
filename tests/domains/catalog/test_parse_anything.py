"""Whatever the bytes, the reader answers: a declaration, or problems with lines."""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.config import SERVICE_KINDS
from staycalm.domains.catalog.parse import WebManaged, parse_file
from staycalm.domains.catalog.yamlfile import read_yaml
from tests.domains.catalog.files import SHOP

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,3})?", fullmatch=True)
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), min_size=1
).filter(lambda word: word.strip() != "")
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), WORDS)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=12
)
LINED = re.compile(r"f:\d+: .+")


def refuse_or_read(text: str) -> None:
    try:
        parse_file(text, "f", WebManaged())
    except Invalid as refused:
        found = refused.details["problems"]
        assert found and all(LINED.match(problem) for problem in found)
        last_line = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + 2
        assert all(1 <= int(problem.split(":")[1]) <= last_line + text.count("\u2029") for problem in found)


@given(st.text())
@settings(deadline=None)
def test_garbage_is_refused_with_a_line(text: str) -> None:
    refuse_or_read(text)


@given(
    st.integers(0, len(SHOP)),
    st.integers(0, 30),
    st.sampled_from(["", "\t", "- ", ": ", "}", "'", "\x00", "&a *a"]),
)
@settings(deadline=None, max_examples=150)
def test_a_damaged_file_is_refused_or_read_but_never_crashes(at: int, length: int, instead: str) -> None:
    refuse_or_read(SHOP[:at] + instead + SHOP[at + length :])


@given(TREES)
@settings(deadline=None)
def test_any_tree_of_values_is_refused_or_read(tree: Any) -> None:
    refuse_or_read(yaml.safe_dump(tree, allow_unicode=True))


@given(st.dictionaries(st.sampled_from(["people", "teams", "services", "environments"]), TREES))
@settings(deadline=None)
def test_any_tree_under_known_keys_is_refused_or_read(tree: Any) -> None:
    refuse_or_read(yaml.safe_dump(tree, allow_unicode=True))


def test_deep_nesting_is_refused() -> None:
    node = read_yaml("[" * 100_000, "f")
    assert str(node.problems.found[0]) == "f:1: nested deeper than 40 levels; flatten it"


@st.composite
def catalogs(draw: st.DrawFn) -> dict[str, Any]:
    people = draw(st.lists(NAMES, unique=True, max_size=4))
    environments = draw(st.lists(NAMES, unique=True, max_size=3))
    services = draw(st.lists(NAMES, unique=True, max_size=4))
    team = {"title": draw(WORDS), "members": people[:2]}
    body: dict[str, Any] = {}
    for index, name in enumerate(services):
        kind = draw(st.sampled_from(SERVICE_KINDS))
        placements: dict[str, Any] = {}
        for environment in environments:
            placements[environment] = {"command": [draw(WORDS)], "instances": draw(st.integers(1, 9))}
            if kind != "worker":
                placements[environment] |= {
                    "listener": {"port": 1024 + index},
                    "hosts": [f"{environment}.example"],
                }
        body[name] = {
            "kind": kind,
            "tier": draw(st.integers(1, 4)),
            "owners": people[-1:],
            "depends_on": services[:index][-2:],
            "placements": placements,
        }
    for index, environment in enumerate(environments):
        for service in body.values():
            if service["kind"] != "worker":
                service["placements"][environment]["listener"]["port"] += 100 * index
    return {
        "people": {
            each: {"name": each.title(), "email": f"{each}@x.example", "roles": ["support"]} for each in people
        },
        "teams": {"crew": team},
        "environments": {each: {"production": index == 0} for index, each in enumerate(environments)},
        "services": body,
    }


@given(catalogs())
@settings(deadline=None, max_examples=60)
def test_what_was_written_is_what_is_declared(tree: dict[str, Any]) -> None:
    file = parse_file(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), "f", WebManaged())
    assert list(file.people) == list(tree["people"])
    assert list(file.teams["crew"].members) == tree["teams"]["crew"]["members"]
    assert {e.name: e.is_production for e in file.environments.values()} == {
        name: each["production"] for name, each in tree["environments"].items()
    }
    for name, written in tree["services"].items():
        declared = file.services[name]
        assert (declared.kind, declared.tier) == (written["kind"], written["tier"])
        assert list(declared.depends_on) == written["depends_on"]
        for environment, placement in written["placements"].items():
            config = file.placements[f"{name}@{environment}"]
            assert list(config.command) == placement["command"]
            assert config.instances == placement["instances"]
            assert config.is_production == tree["environments"][environment]["production"]
