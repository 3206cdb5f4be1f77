"""Whatever is sent to an operation, by whomever: no 5xx, nothing that is not allowed, the promised form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases
from tests.api.application import ASKERS, Asked, running
from tests.security.fuzzing import NEEDED, OPERATIONS, Fuzzer, without_pauses

SOAK_EXAMPLES = 60
SEEDS = range(1, 9)
TAGS = sorted({operation.definition.raw["tags"][0] for operation in OPERATIONS.values()})


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    with running(tmp_path_factory.mktemp("fuzzed")) as asked:
        without_pauses(asked)
        yield Fuzzer(asked)


def named(tag: str) -> list[str]:
    return [name for name, operation in OPERATIONS.items() if operation.definition.raw["tags"][0] == tag]


def test_every_route_of_the_api_is_among_the_operations() -> None:
    routes = {f"{method.upper()} {path}" for method, path in NEEDED if path.startswith("/api/")}
    assert routes <= set(OPERATIONS)


@pytest.mark.parametrize("tag", TAGS)
def test_made_up_requests_are_answered_as_the_document_and_the_matrix_say(fuzzer: Fuzzer, tag: str) -> None:
    fuzzer.problems.clear()
    for name in named(tag):
        fuzzer.run(name, examples=1, askers=2)
    assert fuzzer.problems == []


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("engine", databases.ENGINES)
@pytest.mark.parametrize("number", SEEDS)
def test_made_up_requests_for_long(tmp_path: Path, engine: str, number: int) -> None:
    def fuzz(asked: Asked) -> None:
        without_pauses(asked)
        fuzzer = Fuzzer(asked)
        for name in OPERATIONS:
            examples = 2 if name.endswith(("/login", "/backups")) else SOAK_EXAMPLES
            fuzzer.run(name, examples=examples, askers=len(ASKERS), number=number)
        print(f"{fuzzer.sent} requests: {dict(sorted(fuzzer.answers.items()))}")
        assert fuzzer.problems == []

    if engine == "sqlite":
        with running(tmp_path) as asked:
            fuzz(asked)
        return
    with databases.empty_postgres() as url, running(tmp_path, url) as asked:
        fuzz(asked)
