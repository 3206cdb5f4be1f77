"""Settings: frozen dataclasses whose every key has a default, a unit and a sentence.

A value comes from, in this order: the environment (`SC_<SECTION>_<KEY>`), the settings file (TOML),
the default. A secret is written `${env:NAME}` or `${file:PATH}`, never in the clear.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from staycalm.core.durations import parse_duration
from staycalm.core.errors import Invalid

T = TypeVar("T")
_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}\Z")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Secret:
    """A value that never prints itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret; the caller must not log, raise or store it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def setting(default: Any = dataclasses.MISSING, *, doc: str, unit: str = "", factory: Any = None) -> Any:
    """Declare one key: its default (or a factory of it), its unit, and one sentence of documentation."""
    metadata = {"doc": doc, "unit": unit}
    if factory is not None:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _fail(where: str, problem: str, next_step: str = "") -> Invalid:
    return Invalid("bad-setting", f"setting {where}: {problem}", next_step=next_step)


def _resolve_secret(raw: str, where: str, environ: Mapping[str, str]) -> Secret:
    match = _REFERENCE.match(raw)
    if not raw:
        return Secret("")
    if match is None:
        raise _fail(where, "a secret must be a reference", "Write ${env:NAME} or ${file:PATH}.")
    kind, name = match.groups()
    if kind == "env":
        if name not in environ:
            raise _fail(where, f"the environment has no {name}", f"Set {name}, or change the reference.")
        return Secret(environ[name])
    try:
        return Secret(Path(name).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise _fail(where, f"cannot read {name}: {error.strerror}") from None


def _number(raw: Any, kind: type, where: str, unit: str) -> Any:
    if isinstance(raw, bool):
        raise _fail(where, f"{raw!r} is not a number")
    if isinstance(raw, str) and unit == "s":
        return kind(parse_duration(raw))
    try:
        number = kind(raw)
        is_finite = math.isfinite(number)
    except (TypeError, ValueError, OverflowError):
        is_finite = False
    if not is_finite:
        raise _fail(where, f"{raw!r} is not a number", f"Write {'a whole number' if kind is int else 'a number'}.")
    return number


def _convert(raw: Any, kind: Any, where: str, unit: str, environ: Mapping[str, str]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if raw is None or raw == "":
            return None
        inner = next(a for a in arguments if a is not type(None))
        return _convert(raw, inner, where, unit, environ)
    if origin is typing.Literal:
        if raw not in arguments:
            raise _fail(where, f"{raw!r} is not known", f"Use one of: {', '.join(map(str, arguments))}.")
        return raw
    if origin is tuple:
        items = [part.strip() for part in raw.split(",") if part.strip()] if isinstance(raw, str) else raw
        return tuple(_convert(item, arguments[0], where, unit, environ) for item in items)
    if origin in (dict, Mapping) or origin is getattr(typing, "Mapping", None):
        if not isinstance(raw, Mapping):
            raise _fail(where, "must be a table")
        return {str(k): _convert(v, arguments[1], f"{where}.{k}", unit, environ) for k, v in raw.items()}
    if kind is Secret:
        return _resolve_secret(str(raw), where, environ)
    if kind is bool:
        text = str(raw).lower()
        if text not in _TRUE + _FALSE:
            raise _fail(where, f"{raw!r} is neither true nor false")
        return text in _TRUE
    if kind in (int, float):
        return _number(raw, kind, where, unit)
    if kind is Path:
        return Path(str(raw)).expanduser()
    if dataclasses.is_dataclass(kind):
        return _build(kind, raw, where, environ)
    return str(raw)


def _build(cls: Any, table: Mapping[str, Any], where: str, environ: Mapping[str, str]) -> Any:
    """Return the section, refusing unknown keys with a suggestion."""
    if not isinstance(table, Mapping):
        raise _fail(where, "must be a table")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in table:
        if key not in fields:
            near = get_close_matches(key, fields, n=1)
            raise _fail(f"{where}.{key}", "is not known", f"Did you mean {near[0]}?" if near else "Remove it.")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        path = f"{where}.{name}" if where else name
        variable = "SC_" + path.replace(".", "_").replace("-", "_").upper()
        if dataclasses.is_dataclass(hints[name]):
            values[name] = _build(hints[name], table.get(name, {}), path, environ)
        elif variable in environ:
            values[name] = _convert(
                environ[variable], hints[name], variable, field.metadata.get("unit", ""), environ
            )
        elif name in table:
            values[name] = _convert(table[name], hints[name], path, field.metadata.get("unit", ""), environ)
    return cls(**values)


def load(cls: type[T], file: Path | None, environ: Mapping[str, str] | None = None) -> T:
    """Return the settings; raises Invalid naming the file or variable, the key and what is wrong."""
    table: dict[str, Any] = {}
    if file is not None:
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise Invalid("no-settings", f"cannot read {file}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(
                "bad-settings", f"{file}: {error}", next_step="Mend that line; nothing was changed."
            ) from None
    try:
        return typing.cast(T, _build(cls, table, "", os.environ if environ is None else environ))
    except Invalid as error:
        if file is not None and not error.message.startswith("setting SC_"):
            error.message = f"{file}: {error.message}"
            error.args = (error.message,)
        raise
