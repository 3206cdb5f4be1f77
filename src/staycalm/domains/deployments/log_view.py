"""The log of a rollout's revisions as a page shows it: the last lines, or those with some words in them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from staycalm.core.text import one_line
from staycalm.domains.deployments.edge import DeploymentsEdge
from staycalm.domains.deployments.picture.queries import kept_logs
from staycalm.domains.deployments.records import Deployment, Revision
from staycalm.kit.database import Database
from staycalm.ports.errors import PortError

LINES = 200
SEARCHED = 2000
WAIT_S = 2.0
LONGEST_LINE = 2000


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `parts` are its text, cut where the sought words are: (text, whether it was sought)."""

    clock: str
    stream: str
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class LogView:
    """The lines of one revision, or why there are none. `revisions` are all whose log can be asked for."""

    of: str
    revisions: tuple[tuple[str, str], ...]
    q: str = ""
    lines: tuple[Line, ...] = ()
    searched: int = 0
    note: str = ""
    problem: str = ""

    @property
    def tag(self) -> str:
        """Return what changes whenever the lines do."""
        return hashlib.sha256(repr((self.lines, self.note, self.problem)).encode()).hexdigest()[:20]


def logged(d: Deployment, revisions: dict[str, Revision]) -> dict[str, Revision]:
    """Return the revisions of the rollout that exist, by what they are called on its page."""
    named = {"candidate": d.candidate_revision, "stable": d.stable_revision}
    return {of: revisions[name] for of, name in named.items() if name is not None and name in revisions}


async def read_log(
    db: Database, edge: DeploymentsEdge, known: dict[str, Revision], *, of: str, q: str
) -> LogView | None:
    """Return the view; None without any revision. A target that does not answer costs two seconds at most."""
    if not known:
        return None
    of = of if of in known else next(iter(known))
    named = tuple((each, revision.name) for each, revision in known.items())
    try:
        found = await asyncio.wait_for(_raw(db, edge, known[of], SEARCHED if q else LINES), WAIT_S)
    except (PortError, TimeoutError, KeyError) as error:
        why = one_line(str(error)) or "no answer in time"
        return LogView(of, named, q, problem=f"The log cannot be read now: {why}")
    is_kept = known[of].state in ("stopped", "removed")
    lines = tuple(_line(each, q) for each in found if q.casefold() in each.text.casefold())[-LINES:]
    return LogView(of, named, q, lines, len(found), _note(len(lines), len(found), q, is_kept=is_kept))


@dataclass(frozen=True, slots=True)
class _Raw:
    at_s: float | None
    stream: str
    text: str


async def _raw(db: Database, edge: DeploymentsEdge, revision: Revision, tail: int) -> Sequence[_Raw]:
    if revision.state in ("stopped", "removed"):
        saved = await db.read(kept_logs, revision.name)
        return [_Raw(each.get("at_s"), str(each.get("stream", "")), str(each.get("text", ""))) for each in saved][
            -tail:
        ]
    found = await edge.targets[revision.target].logs(revision.name, tail=tail)
    return [_Raw(line.at_s, line.stream, line.text) for line in found]


def _line(raw: _Raw, q: str) -> Line:
    clock = datetime.fromtimestamp(raw.at_s, UTC).strftime("%H:%M:%S") if raw.at_s else ""
    text = one_line(raw.text, LONGEST_LINE) if raw.text.strip() else ""
    return Line(clock, "err" if raw.stream == "err" else "out", cut_at(text, q))


def cut_at(text: str, q: str) -> tuple[tuple[str, bool], ...]:
    """Return the text in parts, true where `q` is, whatever its case; joined they are the text again."""
    folded, sought = text.casefold(), q.casefold()
    # Folding may change the length (`ß` becomes `ss`): then places do not agree, and nothing is marked.
    if not sought or len(folded) != len(text):
        return ((text, False),)
    parts: list[tuple[str, bool]] = []
    at = 0
    while (found := folded.find(sought, at)) >= 0:
        if found > at:
            parts.append((text[at:found], False))
        parts.append((text[found : found + len(sought)], True))
        at = found + len(sought)
    if at < len(text) or not parts:
        parts.append((text[at:], False))
    return tuple(parts)


def _note(shown: int, searched: int, q: str, *, is_kept: bool) -> str:
    what = (
        f"{shown} of the last {searched} lines"
        if q
        else "The last line"
        if shown == 1
        else f"The last {shown} lines"
    )
    return f"{what}, saved when it was stopped." if is_kept else f"{what}."
