"""The documents name only files, commands and options that exist, and nothing of the machine they came from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from staycalm.cli.main import sc
from staycalm.demo.__main__ import parse as parse_demo

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")],
    key=lambda path: path.as_posix(),
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(sc [^`\n]+)`")
FOREIGN = re.compile(
    r"(?<![\w.])/(?:tmp|root|home|usr/local/lib)/\w|site-packages|https?://[^\s/]*(?:registry|index|packages?)\.",
    re.IGNORECASE,
)
STOPS = {"|", "&&", "||", ";", ">", "<", "2>", "2>&1", "\\"}

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def commands_in(text: str) -> list[str]:
    """Return every `sc …` of the text: lines of shell blocks, and inline code."""
    lines: list[str] = []
    for language, block in FENCE.findall(text):
        if language == "console":
            lines += [line.strip()[2:] for line in block.splitlines() if line.strip().startswith("$ ")]
        elif language in ("sh", "bash", ""):
            lines += block.splitlines()
    typed = (line.strip() for line in lines)
    found = [re.sub(r"^([A-Z_]+=\S* )+", "", line) for line in typed]
    found = [part.strip() for line in found for part in line.split(" && ")]
    return [line for line in found if line.startswith("sc ")] + INLINE.findall(FENCE.sub("", text))


def complaint(line: str) -> str | None:
    """Return what is wrong with a command line: an unknown command, or an option it does not have."""
    try:
        words = shlex.split(line, comments=True)[1:]
    except ValueError:
        words = line.split()[1:]
    command: click.Command = sc
    path = "sc"
    options = {name for parameter in sc.params for name in parameter.opts} | {"--help", "-h"}
    for word in words:
        if word in STOPS:
            break
        if word.startswith("--"):
            name = word.partition("=")[0]
            if path == "sc demo":
                parse_demo([word])
            elif name not in options:
                return f"{path} has no {name}"
        elif isinstance(command, click.Group) and word[0].isalpha():
            found = command.get_command(click.Context(command), word)
            if found is None:
                return f"{path} has no command {word}"
            command, path = found, f"{path} {word}"
            options |= {name for p in found.params for name in (*p.opts, *p.secondary_opts)}
    return None


@documents
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in LINK.findall(text)]
    local = [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (document.parent / target).exists()] == []


@documents
def test_every_command_shown_exists_with_its_options(document: Path) -> None:
    lines = commands_in(document.read_text(encoding="utf-8"))
    assert [f"{line}: {wrong}" for line in lines if (wrong := complaint(line)) is not None] == []


@documents
def test_nothing_tells_of_the_machine_it_was_written_on(document: Path) -> None:
    assert FOREIGN.findall(document.read_text(encoding="utf-8")) == []


@documents
def test_nothing_is_left_to_be_filled_in(document: Path) -> None:
    assert re.findall(r"@@\w+@@|\bTODO\b|\bFIXME\b", document.read_text(encoding="utf-8")) == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert complaint("sc ops deply shop ./build") == "sc ops has no command deply"
    assert complaint("sc ops deploy shop ./build --environment=production") == "sc ops deploy has no --environment"
    assert complaint("sc ops rollback --deployment=abc123 --reason='too slow'") is None
