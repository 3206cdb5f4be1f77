"""docs/reference/settings.md, from the settings dataclasses."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from staycalm.app.reference.markdown import code, table
from staycalm.app.settings import Settings
from staycalm.core.durations import format_duration
from staycalm.kit.settings import Secret
from staycalm.watch.settings import Settings as WatchdogSettings

INTRODUCTION = """\
# Settings

A value comes from, in this order: the environment (`SC_<SECTION>_<KEY>`), the settings file (TOML; the server
reads `staycalm.toml` in its data directory, or the file of `--settings`), the default. Durations may be written
`90`, `"90s"`, `"5m"`, `"2h"` or `"7d"`. A secret is never written in the clear: `${env:NAME}` takes it from the
environment, `${file:PATH}` from a file. An unknown key is refused, with the nearest known one.

```toml
[server]
port = 7700

[smtp]
host = "mail.example.org"
username = "staycalm"
password = "${env:SMTP_PASSWORD}"
```

"""
WATCHDOG = """\
# The watchdog

`sc watch` reads its own file (`--settings`) and the same kind of variables. Its sections `smtp`, `webhook` and
`ntfy` are those of the server, listed above.

"""


def settings_page() -> str:
    """Return the page."""
    watch = {f.name: f for f in dataclasses.fields(WatchdogSettings)}["watch"]
    parts = [INTRODUCTION, "# The server\n\n", *_sections(Settings), WATCHDOG]
    parts += list(_section("watch", typing.get_type_hints(WatchdogSettings)[watch.name]))
    return "".join(parts)


def _sections(kind: Any) -> Iterator[str]:
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        yield from _section(field.name, hints[field.name])


def _section(path: str, kind: Any) -> Iterator[str]:
    """Yield the section and those inside it."""
    hints = typing.get_type_hints(kind)
    rows, inner = [], []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            inner.append((f"{path}.{field.name}", hint))
            continue
        unit = field.metadata.get("unit", "")
        variable = "SC_" + f"{path}_{field.name}".replace(".", "_").upper()
        words = field.metadata.get("doc", "")
        rows.append([code(field.name), code(variable), _kind(hint), _default(field, unit), words])
    yield f"## `[{path}]`\n\n{_story(kind)}\n\n"
    if rows:
        yield table(["key", "variable", "kind", "default", "meaning"], rows) + "\n\n"
    for name, hint in inner:
        yield from _section(name, hint)


def _story(kind: Any) -> str:
    """Return the section's docstring, unless Python made it up."""
    words = " ".join((kind.__doc__ or "").split())
    return "" if words.startswith(f"{kind.__name__}(") else words


def _kind(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(each) for each in arguments if each is not type(None))
    if origin is typing.Literal:
        return ", ".join(code(str(each)) for each in arguments)
    if origin is tuple:
        return f"list of {_kind(arguments[0])}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {_kind(arguments[1])}"
    names = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "Path": "path"}
    if hint is Secret:
        return "secret"
    return names.get(getattr(hint, "__name__", str(hint)), getattr(hint, "__name__", str(hint)))


def _default(field: Any, unit: str) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    if value is None or value in ("", ()) or isinstance(value, Secret) or value == {}:
        return ""
    if unit == "s" and isinstance(value, (int, float)) and value > 0:
        return format_duration(value)
    text = (
        str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    )
    return f"{text} {unit}".strip() if isinstance(value, (int, float)) else code(text)
