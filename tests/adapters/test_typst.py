"""Documents become PDFs; what people wrote stays text."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staycalm.adapters.typst import TypstPrinter, TypstSettings
from staycalm.adapters.typst.inline import parse_inline
from staycalm.adapters.typst.markdown import parse_markdown
from staycalm.ports.errors import InvalidSpec
from staycalm.ports.reports import ReportPrinter
from tests.adapters.pdf_text import text_of

PRINTER: ReportPrinter = TypstPrinter(TypstSettings(use_system_fonts=False))
REPORT = """\
# Incident Post-Mortem: Shop is down

## Timeline

- 09:04 - Alert triggered
- 09:05 - On-call paged

## Action Items

- [ ] Preventive measure 1 (Owner: bob, Due: 2026-03-04)
- [x] Documentation update

| Figure | Measured |
|---|--:|
| detection | 41 s |

> quoted **words**

```sh
sc ops rollback --deployment=abc123
```
"""


def pdf(markdown: str, title: str = "Report") -> bytes:
    return asyncio.run(PRINTER.to_pdf(title=title, markdown=markdown))


def test_a_report_is_printed_with_everything_it_says() -> None:
    printed = pdf(REPORT)
    assert printed.startswith(b"%PDF-1.7")
    text = re.sub(r"\s", "", text_of(printed))
    for part in (
        "Incident Post-Mortem: Shop is down", "09:04 - Alert triggered", "Preventive measure 1 (Owner: bob",
        "Documentation update", "detection", "41 s", "quoted", "words", "sc ops rollback --deployment=abc123",
    ):  # fmt: skip
        assert part.replace(" ", "") in text, part


def test_equal_input_gives_equal_bytes() -> None:
    other = TypstPrinter(TypstSettings(use_system_fonts=False))
    assert pdf(REPORT) == pdf(REPORT) == asyncio.run(other.to_pdf(title="Report", markdown=REPORT))
    assert b"CreationDate" not in pdf(REPORT) and b"ModDate" not in pdf(REPORT)


def test_several_documents_at_once_do_not_mix() -> None:
    async def story() -> list[bytes]:
        return await asyncio.gather(*(PRINTER.to_pdf(title=f"T{n}", markdown=f"# Number {n}") for n in range(6)))

    for number, printed in enumerate(asyncio.run(story())):
        assert f"Number {number}" in text_of(printed)


HOSTILE = [
    '#panic("evaluated")',
    '#read("/etc/passwd")',
    "#set page(width: 1cm)",
    "$ x^2 $ and @label and <label>",
    "= heading? // comment? /* comment? */",
    '#import "@preview/x:1.0.0": *',
    "\\u{1F525} ~ -- --- ...",
    "] #sys.version [",
    '"; #panic("quoted") //',
    "<script>alert(1)</script> &amp;",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "shape", ["{}", "# {}", "- {}", "- [ ] {}", "| a |\n|---|\n| {} |", "```\n{}\n```", "> {}"]
)
def test_hostile_text_stays_text_wherever_it_stands(hostile: str, shape: str) -> None:
    escaped = hostile if shape.startswith("```") else re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", hostile)
    text = text_of(pdf(shape.format(escaped)))
    squeezed = re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", hostile) in squeezed


def test_a_hostile_title_is_a_title() -> None:
    printed = pdf("text", title='#panic("x") \r\n $y$')
    assert '#panic("x") $y$' in text_of(printed)


def test_links_lead_to_the_web_and_to_mail_only() -> None:
    printed = pdf("[a](https://calm.example/x) [b](javascript:alert) [c](file:///etc/passwd) <mailto:bob@x.org>")
    assert b"(https://calm.example/x)" in printed and b"(mailto:bob@x.org)" in printed
    assert b"javascript" not in printed and b"file:///" not in printed
    assert "[b](javascript:alert)" in text_of(printed)


def test_a_document_without_end_is_refused() -> None:
    with pytest.raises(InvalidSpec):
        pdf("x" * 1_000_001)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.sampled_from('ab1 \n\t#*_`[]()<>|-+>.!\\:xX~"$@={}/\u2028\x00é'), max_size=200))
def test_any_text_can_be_printed(text: str) -> None:
    assert pdf(text).startswith(b"%PDF")


# -- the parser ---------------------------------------------------------------------------------


def words(runs: list[dict[str, Any]]) -> str:
    return "".join(words(run["runs"]) if "runs" in run else run.get("text", " ") for run in runs)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("plain", [{"kind": "text", "text": "plain"}]),
        ("**b** *i* _j_ __k__", ["strong", "text", "emph", "text", "emph", "text", "strong"]),
        ("snake_case_name", [{"kind": "text", "text": "snake_case_name"}]),
        ("2 * 3 * 4", [{"kind": "text", "text": "2 * 3 * 4"}]),
        ("**never closed", [{"kind": "text", "text": "**never closed"}]),
        ("*a **b* c**", ["emph", "text"]),
        (r"\*kept\* \# \\", [{"kind": "text", "text": r"*kept* # \ "[:-1]}]),
        ("`a *b*`", [{"kind": "code", "text": "a *b*"}]),
        ("`` a`b ``", [{"kind": "code", "text": "a`b"}]),
        ("`open", [{"kind": "text", "text": "`open"}]),
        ("a  \nb", ["text", "break", "text"]),
        ("a\nb", [{"kind": "text", "text": "a b"}]),
        ("<https://x.org>", ["link"]),
        ("<b>no</b>", [{"kind": "text", "text": "<b>no</b>"}]),
    ],
)
def test_inline_text_is_read(text: str, runs: list[Any]) -> None:
    found = parse_inline(text)
    if runs and isinstance(runs[0], str):
        assert [run["kind"] for run in found] == runs
    else:
        assert found == runs


def test_lists_nest_and_keep_their_numbers() -> None:
    (block,) = parse_markdown("3. one\n4. two\n   - inner\n   - [x] done\n\n   more of two\n5. three")
    assert (block["ordered"], block["start"], len(block["items"])) == (True, 3, 3)
    kinds = [each["kind"] for each in block["items"][1]["blocks"]]
    assert kinds == ["paragraph", "list", "paragraph"]
    assert [item["checked"] for item in block["items"][1]["blocks"][1]["items"]] == [None, True]


def test_blocks_are_told_apart() -> None:
    kinds = [block["kind"] for block in parse_markdown(REPORT)]
    assert kinds == ["heading", "heading", "list", "heading", "list", "table", "quote", "code"]
    assert [b["kind"] for b in parse_markdown("text\n# heading\n---\n- a\n\n\n* * *\nend")] == [
        "paragraph", "heading", "rule", "list", "rule", "paragraph",
    ]  # fmt: skip


def test_a_table_row_has_as_many_cells_as_its_head() -> None:
    (block,) = parse_markdown("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\n| x \\| y | `z` |")
    assert [[words(cell) for cell in row] for row in block["rows"]] == [["1", ""], ["1", "2"], ["x | y", "z"]]


@given(st.text(max_size=300))
def test_letters_and_digits_are_never_lost(text: str) -> None:
    flat = json.dumps(parse_markdown(text), ensure_ascii=False)
    for word in re.findall(r"[a-z0-9]{3,}", text):
        assert word in flat


@pytest.mark.parametrize(
    "piece", ["*", "_", "`", "[", "[a](", "**a ", "<https://", "- ", "> ", "| ", "# ", "`a``b", " "]
)
def test_long_odd_texts_are_read_in_one_go(piece: str) -> None:
    assert len(parse_markdown(piece * 20_000)) <= 1
    assert len(parse_markdown((piece + "\n") * 3_000)) <= 6_000
