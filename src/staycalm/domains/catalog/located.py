"""A YAML value that knows its file, line and column, and reports what is wrong with it. Pure.

Every reader of a value (`text`, `integer`, …) returns a value of its type even when the file is wrong:
the problem is collected, the reading goes on, and the whole file is refused at the end with all of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid, StayCalmError
from staycalm.core.placement import check_name

Scalar = str | int | float | bool | None
L = TypeVar("L", bound=str)
# Nobody reads more at once, and each new one is compared with all before it.
MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong where, and what to do: `staycalm.yaml:12: unknown key 'tear'; did you mean 'tier'?`"""

    mark: Mark
    what: str
    next_step: str = ""

    def __str__(self) -> str:
        return f"{self.mark.file}:{self.mark.line}: {self.what}" + (
            f"; {self.next_step}" if self.next_step else ""
        )


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with one file, in the order of its lines."""

    found: list[Problem] = field(default_factory=list)

    def add(self, mark: Mark, what: str, next_step: str = "") -> None:
        problem = Problem(mark, what, next_step)
        if len(self.found) < MOST_PROBLEMS and problem not in self.found:
            self.found.append(problem)

    def raise_if_any(self) -> None:
        """Raise Invalid `bad-file` with every problem in `details["problems"]` when there is one."""
        if not self.found:
            return
        lines = [str(p) for p in sorted(self.found)]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise Invalid(
            "bad-file", lines[0] + more, next_step="Correct the file; nothing was changed.", problems=lines
        )


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file. `path` leads to it: ("people", "alice", "contact_methods").

    `content` is a scalar, a tuple of nodes, or a tuple of (key node, value node); `raw` is a scalar as
    it was written. An absent node stands for a key that is not there: it reads as empty and reports
    nothing.
    """

    mark: Mark
    content: Scalar | tuple[Node, ...] | tuple[tuple[Node, Node], ...]
    kind: str
    path: tuple[str, ...]
    problems: Problems = field(compare=False, repr=False)
    raw: str = ""

    @property
    def is_absent(self) -> bool:
        return self.kind == "absent"

    @property
    def is_null(self) -> bool:
        return self.kind == "absent" or (self.kind == "scalar" and self.content is None)

    def report(self, what: str, next_step: str = "") -> None:
        """The file will be refused with this problem at this value's line."""
        self.problems.add(self.mark, what, next_step)

    def _wrong(self, expected: str) -> None:
        if not self.is_absent:
            here = ".".join(self.path) or "the file"
            self.report(f"{here} is {self._described()}", f"it must be {expected}")

    def _title(self) -> str:
        return (
            " ".join(self.path[-2:] if self.path and self.path[-1].startswith("#") else self.path[-1:]) or "value"
        )

    def _described(self) -> str:
        if self.kind == "mapping":
            return "a mapping"
        if self.kind == "list":
            return "a list"
        return "empty" if self.content is None else repr(self.content)

    def fields(self, *known: str) -> Fields:
        """Return the mapping's values by key; every key outside `known` is a problem."""
        values: dict[str, Node] = {}
        for key, value in self.entries():
            name = key.text()
            if name in known:
                values[name] = value
            elif name:
                key.report(f"unknown key {name!r}", _suggest(name, known))
        return Fields(self, values)

    def find(self, key: str) -> Node | None:
        """Return the value of one key of a mapping, or None; other keys are not looked at."""
        if self.kind != "mapping":
            return None
        return next((value for name, value in self.entries() if name.raw == key and not value.is_null), None)

    def entries(self) -> tuple[tuple[Node, Node], ...]:
        """Return (key, value) pairs of a mapping, in the file's order; null reads as empty."""
        if self.kind == "mapping":
            return self.content  # type: ignore[return-value]
        if not self.is_null:
            self._wrong("a mapping (key: value)")
        return ()

    def nodes(self) -> tuple[Node, ...]:
        """Return the items of a list; null reads as empty."""
        if self.kind == "list":
            return self.content  # type: ignore[return-value]
        if not self.is_null:
            self._wrong("a list (- item)")
        return ()

    def text(self) -> str:
        """Return a non-empty text; a plain number reads as it was written."""
        if isinstance(self.content, bool):
            self._wrong("a text; put it into quotes")
        elif isinstance(self.content, (str, int, float)) and self.raw.strip():
            return self.raw
        else:
            self._wrong("a text")
        return ""

    def literal(self) -> str:
        """Return any scalar as it was written, the empty text included."""
        if self.kind not in ("scalar", "absent"):
            self._wrong("one value")
        return self.raw

    def name(self) -> str:
        """Return a name: 1-63 lower-case letters, digits and inner hyphens."""
        raw = self.text()
        try:
            return check_name(raw) if raw else raw
        except Invalid as error:
            self.report(error.message, error.next_step)
            return raw

    def integer(self, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """Return a whole number in least..most."""
        if isinstance(self.content, int) and not isinstance(self.content, bool) and least <= self.content <= most:
            return self.content
        self._wrong(f"a whole number from {least} to {most}")
        return least

    def number(self, *, least: float = 0.0, most: float = 1e15) -> float:
        """Return a number in least..most."""
        content = self.content
        if isinstance(content, (int, float)) and not isinstance(content, bool) and least <= content <= most:
            return float(content)
        self._wrong(f"a number from {least:g} to {most:g}")
        return least

    def boolean(self) -> bool:
        """Return true or false."""
        if isinstance(self.content, bool):
            return self.content
        self._wrong("true or false")
        return False

    def duration_s(self, *, least_s: float = 0.0, most_s: float = 366 * 86400.0) -> float:
        """Return seconds from `90s`, `10m`, `1h30m`, `2d`, or a bare number of seconds."""
        content = self.content
        if self.kind == "scalar" and isinstance(content, (str, int, float)) and not isinstance(content, bool):
            try:
                seconds = parse_duration(content)
            except StayCalmError:
                seconds = -1.0
            if least_s <= seconds <= most_s:
                return seconds
        self._wrong(f"a duration from {least_s:g}s to {most_s:g}s, like 90s, 10m or 2d")
        return least_s

    def choice(self, allowed: Sequence[L]) -> L:
        """Return one of `allowed`."""
        raw = self.text()
        for option in allowed:
            if raw == option:
                return option
        if raw:
            hint = difflib.get_close_matches(raw, allowed, n=1)
            mean = f"did you mean {hint[0]!r}? " if hint else ""
            self.report(f"{self._title()} {raw!r} is not known", f"{mean}use one of: {', '.join(allowed)}")
        return allowed[0]

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts; one plain text reads as a list of one."""
        if self.kind == "scalar" and self.content is not None:
            return (self.text(),)
        return tuple(item.text() for item in self.nodes())

    def reference(self, known: Iterable[str], what: str) -> str:
        """Return a text that must be one of `known` (`what` says of what: "person")."""
        raw = self.text()
        names = sorted(known)
        if raw and raw not in names:
            self.report(f"there is no {what} {raw!r}", _suggest(raw, names))
        return raw


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of one mapping by key. A key that is not there reads as its default."""

    node: Node
    values: dict[str, Node]

    def __contains__(self, key: str) -> bool:
        return key in self.values and not self.values[key].is_null

    def __getitem__(self, key: str) -> Node:
        """Return the value, or an absent node."""
        if key in self.values:
            return self.values[key]
        return Node(self.node.mark, None, "absent", (*self.node.path, key), self.node.problems)

    def require(self, *keys: str) -> None:
        """Every one of `keys` is there, or a problem is reported."""
        for key in keys:
            if key not in self and not self.node.is_absent:
                self.node.report(f"{'.'.join(self.node.path) or 'the file'} has no {key!r}", f"add {key}: …")

    def only_one(self, *keys: str) -> None:
        """At most one of `keys` is there, or a problem is reported."""
        present = [key for key in keys if key in self]
        if len(present) > 1:
            self.values[present[1]].report(f"{' and '.join(present)} exclude each other", "keep one of them")

    def text(self, key: str, default: str = "") -> str:
        return self[key].text() if key in self else default

    def find_text(self, key: str) -> str | None:
        return self[key].text() if key in self else None

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        return self[key].texts() if key in self else default

    def integer(self, key: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        return self[key].integer(least=least, most=most) if key in self else default

    def boolean(self, key: str, default: bool) -> bool:
        return self[key].boolean() if key in self else default

    def duration_s(
        self, key: str, default: float, *, least_s: float = 0.0, most_s: float = 366 * 86400.0
    ) -> float:
        return self[key].duration_s(least_s=least_s, most_s=most_s) if key in self else default

    def choice(self, key: str, allowed: Sequence[L], default: L) -> L:
        return self[key].choice(allowed) if key in self else default


def _suggest(name: str, known: Iterable[str]) -> str:
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(options)}" if options else "none is declared"
