"""Every test and benchmark that the page of guarantees names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "guarantees.md"


def test_whatever_the_page_of_guarantees_names_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"`(test_\w+)`", text))
    assert len(tests) > 20
    assert [name for name in sorted(tests) if f"def {name}(" not in written] == []
    assert [name for name in re.findall(r"`(benchmarks/\w+\.py)`", text) if not (ROOT / name).exists()] == []


def test_what_the_page_calls_a_soak_is_one_and_the_rest_is_run_every_time() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        source = file.read_text(encoding="utf-8")
        whole = re.search(r"^pytestmark = .*soak", source, re.MULTILINE) is not None
        for decorators, name in re.findall(r"((?:^@.*\n(?:^[ )].*\n)*)*)^def (test_\w+)\(", source, re.MULTILINE):
            for mark in re.findall(rf"`{name}`( \(soak\))?", text):
                assert bool(mark) is (whole or "mark.soak" in decorators), name
