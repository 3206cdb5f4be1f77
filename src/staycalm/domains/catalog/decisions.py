"""What follows from declared data alone: cycles, differences, references, sizes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from staycalm.core.errors import Invalid
from staycalm.domains.catalog.questions import Change

T = TypeVar("T")
_REFERENCE = re.compile(r"\$\{(env|file):([^{}]+)\}")
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s{0,4}(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?\Z")
_SIZE_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def find_cycle(depends_on: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """Return one cycle as the names along it, the first again at the end; None when there is none."""
    done: set[str] = set()
    for start in sorted(depends_on):
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, is_leaving = stack.pop()
            if is_leaving:
                trail.pop()
                done.add(name)
            elif name in trail:
                return (*trail[trail.index(name) :], name)
            elif name not in done:
                trail.append(name)
                stack.append((name, True))
                stack.extend((each, False) for each in sorted(depends_on.get(name, ())))
    return None


def difference(
    what: str, old: Mapping[str, T], new: Mapping[str, T], *, hidden: frozenset[str] = frozenset()
) -> tuple[Change, ...]:
    """Return the steps from `old` to `new`: additions and changes in the order of `new`, then removals.

    Values of the fields in `hidden` are never printed, only that they differ.
    """
    changes: list[Change] = []
    for name, value in new.items():
        if name not in old:
            changes.append(Change("add", f"{what} {name}"))
        elif old[name] != value:
            changes.append(Change("change", f"{what} {name}", _detail(old[name], value, hidden)))
    return (*changes, *(Change("remove", f"{what} {name}") for name in old if name not in new))


def _detail(old: Any, new: Any, hidden: frozenset[str]) -> str:
    parts: list[str] = []
    for each in fields(new):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before == after:
            continue
        if each.name in hidden:
            names = sorted(k for k in {*before, *after} if before.get(k) != after.get(k))
            parts.append(f"{each.name} ({', '.join(names)})")
        else:
            parts.append(f"{each.name} {_shown(before)} → {_shown(after)}")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    if value is None or value in ((), "", {}):
        return "none"
    if is_dataclass(value):
        told = ((each.name, getattr(value, each.name)) for each in fields(value))
        return "{" + ", ".join(f"{name}: {_shown(inner)}" for name, inner in told if inner is not None) + "}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(inner)}" for key, inner in sorted(value.items())) + "}"
    if isinstance(value, (tuple, frozenset)):
        inner = sorted(value) if isinstance(value, frozenset) else value
        return "[" + ", ".join(_shown(item) for item in inner) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_size(text: str) -> int:
    """Return bytes from `512MiB`, `2GB` or a bare number of bytes. Raises Invalid on anything else."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise Invalid("bad-size", f"{text[:40]!r} is not a size", next_step="Write it like 512MiB or 2GB.")
    return int(float(match[1]) * _SIZE_BYTES[match[2] or "B"])


def wrong_reference(text: str) -> str | None:
    """Return the first `${` that is neither `${env:NAME}` nor `${file:PATH}`, or None."""
    rest = _REFERENCE.sub("", text)
    start = rest.find("${")
    return None if start < 0 else rest[start : start + 20]


def resolve_references(
    env: Mapping[str, str], environ: Mapping[str, str], read_text: Callable[[str], str]
) -> dict[str, str]:
    """Return `env` with every `${env:NAME}` and `${file:PATH}` replaced; for the moment a program is started.

    `read_text` returns a file's text and raises OSError; one trailing newline is dropped. Raises Invalid
    that names the variable and the reference, never a value.
    """

    def replace(variable: str) -> Callable[[re.Match[str]], str]:
        def one(match: re.Match[str]) -> str:
            kind, name = match.groups()
            try:
                return environ[name] if kind == "env" else read_text(name).removesuffix("\n")
            except (KeyError, OSError):
                raise Invalid(
                    "unresolved-reference",
                    f"{variable} refers to {match[0]}, which is not there",
                    next_step="Set it where the StayCalm server runs, or change the reference.",
                ) from None

        return one

    return {variable: _REFERENCE.sub(replace(variable), value) for variable, value in env.items()}
