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
    *((f"person-{n}", surface) for n in range(1, 7) for surface in ("ground", "card")),
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


# A colour that is written out, by number or by name; one that names a token is none.
RAW = re.compile(
    r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\("
    r"|(?<![\w-])(?:white|black|red|green|blue|gr[ae]y|silver|orange|yellow|gold|purple|pink|brown|teal|navy)(?![\w-])",
    re.IGNORECASE,
)
DECLARATION = re.compile(r"[\w-]+\s*:\s*([^;{}]+)[;}]")


def raw_colours(sheet: str) -> list[str]:
    """Return the values in which a colour is written out."""
    bare = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return [value.strip() for value in DECLARATION.findall(bare) if RAW.search(value)]


def test_a_colour_that_is_written_out_is_found() -> None:
    sheet = "a#add:hover { color: #fff; white-space: pre } b { fill: rgb(1 2 3 / .4) } i { color: var(--red-x); "
    assert raw_colours(sheet + "background: red }") == ["#fff", "rgb(1 2 3 / .4)", "red"]


def test_every_sheet_names_tokens_and_no_colours() -> None:
    sheets = {
        each.name: each.read_text(encoding="utf-8") for each in SHEETS.iterdir() if each.name != "tokens.css"
    }
    assert len(sheets) > 10
    assert {name: found for name, text in sheets.items() if (found := raw_colours(text))} == {}
