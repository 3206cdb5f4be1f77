"""docs/reference/api.md, from the OpenAPI document."""

from __future__ import annotations

from typing import Any

from staycalm.app.openapi import operations, roles_with
from staycalm.app.reference.markdown import code, table
from staycalm.kit.http import Permission

Schema = dict[str, Any]
TITLE = """\
# The HTTP API

"""


def api_page(document: Schema) -> str:
    """Return the page."""
    parts = [
        TITLE,
        document["info"]["description"],
        "\nThe machine-readable form is [openapi.json](../../openapi.json).\n\n",
    ]
    for tag in document["tags"]:
        mine = [each for each in operations(document) if tag["name"] in each[2].get("tags", ())]
        rows = [
            [f"[`{method.upper()} {path}`](#{_anchor(operation)})", _first(operation)]
            for path, method, operation in mine
        ]
        parts.append(f"## {tag['name']}\n\n{tag['description']}\n\n{table(['route', 'what it does'], rows)}\n\n")
        parts += [_operation(*each) for each in mine]
    parts.append("## Values\n\n")
    parts += [_value(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "".join(parts)


def _operation(path: str, method: str, operation: Schema) -> str:
    parts = [f"### {operation['operationId']}\n\n`{method.upper()} {path}`\n\n{operation['description']}\n\n"]
    parts.append(_permission(operation.get("x-permission", "")))
    parameters = [_parameter(each) for each in operation.get("parameters", ())]
    if parameters:
        parts.append(table(["parameter", "in", "kind", "meaning"], parameters) + "\n\n")
    body = _content(operation.get("requestBody", {}))
    if body:
        parts.append(f"Body: {body}. ")
    answers = [
        f"{status} {_content(answer)}".strip()
        for status, answer in operation["responses"].items()
        if status != "default"
    ]
    parts.append(f"Answer: {', '.join(answers)}.\n\n")
    return "".join(parts)


def _permission(text: str) -> str:
    resource, _, level = text.partition(":")
    if resource in ("", "public"):
        return "Needs no role.\n\n"
    roles = roles_with(Permission(resource, level))  # type: ignore[arg-type]
    return f"Needs `{text}`: {', '.join(roles)}.\n\n"


def _parameter(parameter: Schema) -> list[str]:
    schema = parameter.get("schema", {})
    words = parameter.get("description") or schema.get("description") or ""
    default = schema.get("default")
    if default is not None:
        words = f"{words} Default `{default}`.".strip()
    needed = "" if not parameter.get("required") or parameter["in"] == "path" else " Required."
    return [code(parameter["name"]), parameter["in"], _kind(schema), words + needed]


def _content(part: Schema) -> str:
    kinds = []
    for media, body in part.get("content", {}).items():
        kind = _kind(body.get("schema", {}))
        kinds.append(kind if media == "application/json" and kind else media)
    return " or ".join(kinds)


def _value(name: str, schema: Schema) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        [
            code(field),
            _kind(each),
            each.get("description", "") + (" Required." if field in needed and _is_input(name) else ""),
        ]
        for field, each in schema.get("properties", {}).items()
    ]
    words = " ".join(schema.get("description", "").split())
    if not rows:
        return f"### {name}\n\n{words} {_kind(schema)}\n\n"
    return f"### {name}\n\n{words}\n\n{table(['field', 'kind', 'meaning'], rows)}\n\n"


def _is_input(name: str) -> bool:
    return name.endswith("In") or name.startswith("New")


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(filter(None, (_kind(each) for each in schema["anyOf"])))
    if "enum" in schema:
        return ", ".join(code(str(each)) for each in schema["enum"])
    if "const" in schema:
        return code(str(schema["const"]))
    kind = str(schema.get("type", ""))
    if kind == "array":
        return f"list of {_kind(schema.get('items', {})) or 'values'}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties']) or 'values'}"
    return {"date-time": "time", "binary": "bytes"}.get(schema.get("format", ""), kind)


def _anchor(operation: Schema) -> str:
    return str(operation["operationId"]).replace(".", "").lower()


def _first(operation: Schema) -> str:
    return str(operation["description"]).partition(". ")[0].rstrip(".")
