"""Every test and benchmark that the pages of guarantees and threats name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "guarantees.md"
THREATS = ROOT / "docs" / "reference" / "threat-model.md"


@pytest.mark.parametrize("page", [PAGE, THREATS], ids=lambda page: page.stem)
def test_whatever_the_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # Suites that several modules play are no modules of tests themselves.
    written = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    tests = set(re.findall(r"`(?:\w+/)*(test_\w+)`", text))
    assert len(tests) > 20
    assert [name for name in sorted(tests) if f"def {name}(" not in written] == []
    assert [name for name in re.findall(r"(benchmarks/\w+\.py)`", text) if not (ROOT / name).exists()] == []


def test_every_defence_names_a_test() -> None:
    _, _, table = THREATS.read_text(encoding="utf-8").partition("| against | defence | shown by |\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    assert len(rows) > 20
    assert [row for row in rows if "`test_" not in row.rpartition(" | ")[2]] == []


def test_what_the_page_calls_a_soak_is_one_and_the_rest_is_run_every_time() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        source = file.read_text(encoding="utf-8")
        whole = re.search(r"^pytestmark = .*soak", source, re.MULTILINE) is not None
        for decorators, name in re.findall(r"((?:^@.*\n(?:^[ )].*\n)*)*)^def (test_\w+)\(", source, re.MULTILINE):
            for mark in re.findall(rf"`{name}`( \(soak\))?", text):
                assert bool(mark) is (whole or "mark.soak" in decorators), name
