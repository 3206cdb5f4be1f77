"""Every pair of colours that stand on one another, by the formula of WCAG 2.2, in light and in dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

SHEETS = files("staycalm") / "web" / "static" / "css"
TOKENS = (SHEETS / "tokens.css").read_text(encoding="utf-8")
SURFACES = ("ground", "card", "sunk")
STATES = ("ok", "warn", "bad", "busy")
# 1.4.3: words need 4.5 to 1. 1.4.11: what must be seen to use or to understand needs 3 to 1.
WORDS = [
    *((words, surface) for words in ("text", "muted", "accent") for surface in SURFACES),
    *((state, surface) for state in STATES for surface in ("ground", "card", f"{state}-soft")),
    *((words, f"{state}-soft") for words in ("text", "muted") for state in (*STATES, "muted")),
    *(("on-solid", solid) for solid in ("accent", "ok", "warn", "bad")),
    *((words, "bar") for words in ("bar-text", "bar-muted", "bar-accent", "bar-ok", "bar-bad")),
    ("bar-text", "bar-line"),
    ("stable", "card"),
    ("candidate", "card"),
]  # fmt: skip
LINES = [
    *(("line-strong", surface) for surface in ("ground", "card")),
    *((side, surface) for side in ("stable", "candidate") for surface in ("ground", "card")),
    *((state, "ground") for state in STATES),
    ("accent", "ground"),
]  # fmt: skip


def declared(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


def blocks() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    light, asked, system = re.split(r"@media screen", TOKENS)
    return declared(light), declared(asked), declared(system)


LIGHT, DARK, DARK_BY_SYSTEM = blocks()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it: 0 black, 1 white."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#ffffff", 8.59)],
)
def test_the_formula_gives_the_known_ratios(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])
def test_words_and_lines_are_told_from_what_they_stand_on(theme: dict[str, str]) -> None:
    weak = [
        (words, ground, round(contrast(theme[words], theme[ground]), 2), needed)
        for pairs, needed in ((WORDS, 4.5), (LINES, 3.0))
        for words, ground in pairs
        if contrast(theme[words], theme[ground]) < needed
    ]
    assert weak == []


def test_dark_is_one_set_whoever_asks_for_it() -> None:
    assert DARK == DARK_BY_SYSTEM
    assert set(DARK) <= set(LIGHT)


def test_the_sheets_of_the_shell_name_tokens_and_no_colours() -> None:
    for name in ("base", "layout", "components", "forms", "tables", "split", "palette", "overview", "wall"):
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b", (SHEETS / f"{name}.css").read_text(encoding="utf-8")) == [], name
