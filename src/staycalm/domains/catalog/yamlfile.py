"""YAML text into located values. Pure: text in, nodes and problems out.

Plain values read as in the YAML 1.2 core schema, because version 1.1 turns `12:30` into 750 and `on`
into true. Aliases, tags and several documents are refused: a file a person has to trust spells things out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from staycalm.domains.catalog.located import Mark, Node, Problems, Scalar

MAX_DEPTH = 40
MAX_CHARACTERS = 2_000_000
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_FLOAT = re.compile(
    r"[-+]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?[eE][-+]?[0-9]{1,2})\Z"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SCALAR_TAGS = (None, "!", "tag:yaml.org,2002:str")


class _Unreadable(Exception):
    """The text cannot be read on from here; the problem is already collected."""


def read_yaml(text: str, file: str) -> Node:
    """Return the one document of `text`. Wrong YAML gives an absent node and a problem with its line."""
    problems = Problems()
    nothing = Node(Mark(file, 1, 1), None, "absent", (), problems)
    if len(text) > MAX_CHARACTERS:
        problems.add(nothing.mark, f"the file is longer than {MAX_CHARACTERS:,} characters", "split it")
        return nothing
    try:
        return _Reader(text, file, problems).document() or nothing
    except _Unreadable:
        return nothing
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(Mark(file, line, 1), "a character that YAML does not allow", "save the file as plain UTF-8")
        return nothing
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        mark = Mark(file, where.line + 1, where.column + 1) if where else nothing.mark
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        problems.add(mark, f"not readable as YAML: {what}", "look at indentation, quotes and colons here")
        return nothing
    except (ValueError, OverflowError):
        # The parser converts escapes (\UFFFFFFFF) and the number of a %YAML line without looking at their range.
        problems.add(nothing.mark, "an escape or a %YAML line with a number out of range", "remove it")
        return nothing


class _Reader:
    """Builds nodes from the parser's events."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._file = file
        self._problems = problems

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._failed(event, "a second document", "keep one document per file")
                root = self._value(next(self._events), ())
        return root

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        return Mark(self._file, start.line + 1, start.column + 1) if start else Mark(self._file, 1, 1)

    def _failed(self, event: yaml.Event, what: str, next_step: str) -> _Unreadable:
        self._problems.add(self._mark(event), what, next_step)
        return _Unreadable()

    def _value(self, event: yaml.Event, path: tuple[str, ...]) -> Node:
        if len(path) > MAX_DEPTH:
            raise self._failed(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            raise self._failed(event, f"an alias (*{event.anchor})", "write the value out")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._problems.add(self._mark(event), f"a tag ({tag})", "remove it")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, path)
        return self._mapping(event, path)

    def _scalar(self, event: yaml.ScalarEvent, path: tuple[str, ...]) -> Node:
        mark = self._mark(event)
        if event.tag not in _SCALAR_TAGS:
            self._problems.add(mark, f"a tag ({event.tag})", "remove it")
        if _CONTROL.search(event.value):
            self._problems.add(mark, "a control character in a text", "remove it")
        is_plain = event.style is None and event.tag is None
        content = _resolve(event.value) if is_plain else event.value
        return Node(mark, content, "scalar", path, self._problems, event.value)

    def _list(self, start: yaml.Event, path: tuple[str, ...]) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, f"#{len(items) + 1}")))
        return Node(self._mark(start), tuple(items), "list", path, self._problems)

    def _mapping(self, start: yaml.Event, path: tuple[str, ...]) -> Node:
        pairs: dict[str, tuple[Node, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._failed(event, "a key that is not one word", "write key: value")
            key = self._scalar(event, path)
            name = event.value
            value = self._value(next(self._events), (*path, name))
            if not name.strip():
                key.report("an empty key", "give it a name")
            elif name in pairs:
                key.report(f"{name!r} stands here a second time", f"keep one of lines {pairs[name][0].mark.line} "
                           f"and {key.mark.line}")  # fmt: skip
            else:
                pairs[name] = (key, value)
        return Node(self._mark(start), tuple(pairs.values()), "mapping", path, self._problems)


def _resolve(raw: str) -> Scalar:
    if raw in _WORDS:
        return _WORDS[raw]
    if _INTEGER.match(raw):
        return int(raw)
    if _FLOAT.match(raw):
        return float(raw)
    return raw
