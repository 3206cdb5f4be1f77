"""openapi.json and docs/reference say what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from staycalm.app.openapi import operations
from staycalm.app.reference.files import files
from tests.api.application import NOBODY, Asked
from tests.api.document import DOCUMENT

ROOT = Path(__file__).parents[2]
GENERATED = files()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_what_is_generated_is_current(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == GENERATED[name], f"{name} is old: run `python -m staycalm.app.reference`"


def test_the_server_serves_the_committed_document(asked: Asked) -> None:
    assert asked.ask(NOBODY, "GET", "/api/v1/openapi.json").json() == DOCUMENT


def test_every_operation_reads_well() -> None:
    ids = []
    for path, method, operation in operations(DOCUMENT):
        where = f"{method} {path}"
        ids.append(operation["operationId"])
        assert operation["tags"], where
        assert operation["operationId"].startswith(f"{operation['tags'][0]}."), where
        assert operation["description"].endswith((".", "…", ")")), where
        assert "x-permission" in operation, where
        assert "default" in operation["responses"], where
        assert "422" not in operation["responses"], where
    assert len(ids) == len(set(ids))


def test_health_metrics_and_the_webhook_are_documented() -> None:
    assert {"/health", "/metrics", "/api/v1/alerts/webhook"} <= set(DOCUMENT["paths"])


def test_every_reference_in_the_document_leads_somewhere() -> None:
    known = set(DOCUMENT["components"]["schemas"])
    found = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                found.add(part["$ref"].rpartition("/")[2])
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(DOCUMENT)
    assert found <= known


def test_metrics_are_in_the_prometheus_format(asked: Asked) -> None:
    answer = asked.ask("admin", "GET", "/metrics")
    assert answer.status_code == 200
    assert "# TYPE" in answer.text
