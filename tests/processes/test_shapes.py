"""Whatever several threads read stored values into is prepared before there are several threads."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from pathlib import Path
from typing import Any, get_args

import staycalm
from tests.processes.nursery import nursery

SOURCES = Path(staycalm.__file__).parent


def shapes_asked_for() -> list[tuple[str, str]]:
    """Return (module, type expression) of every `msgspec.convert` in the product."""
    found = []
    for file in sorted(SOURCES.rglob("*.py")):
        module = ".".join(("staycalm", *file.relative_to(SOURCES).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "msgspec.convert":
                found.append((module, ast.unparse(node.args[1])))
    return found


def classes_in(shape: Any) -> list[type]:
    """Return the dataclasses that a type expression names."""
    if isinstance(shape, type) and dataclasses.is_dataclass(shape):
        return [shape]
    return [each for part in get_args(shape) for each in classes_in(part)]


def test_every_type_that_stored_values_are_read_into_is_prepared_at_import() -> None:
    asked = shapes_asked_for()
    assert len(asked) >= 10
    lines = []
    for module, expression in asked:
        for each in classes_in(eval(expression, vars(importlib.import_module(module)))):
            lines.append(f"assert '__msgspec_cache__' in vars(load({each.__module__!r}).{each.__qualname__})")
    # In a process that has imported what the server does, and nothing that a test might have prepared.
    code, said = nursery().run(program="from importlib import import_module as load\n" + "\n".join(lines))
    assert code == 0, said
