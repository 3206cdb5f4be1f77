"""What a batch costs does not grow with the groups it touches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from staycalm.domains.alerts.decisions import Report
from staycalm.domains.alerts.intake.service import Told, take
from staycalm.domains.alerts.settings import AlertsSettings
from tests.domains.alerts.world import ALICE, World


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that were executed until the end of the block."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    sa.event.listen(world.database.engine, "after_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(world.database.engine, "after_cursor_execute", note)


def reports(groups: int, summary: str, status: Any = "firing") -> list[Told]:
    return [Told(ALICE, Report(f"disk-{n}", summary, service=f"s{n}", status=status)) for n in range(groups)]


def test_known_and_changed_alerts_cost_as_many_statements_in_forty_groups_as_in_two(world: World) -> None:
    settings = AlertsSettings()
    world.write(take, reports(40, "full"), settings=settings)
    for summary in ("full", "fuller"):
        seen = []
        for groups in (2, 40):
            with counted(world) as statements:
                world.write(
                    take,
                    reports(groups, f"{summary} {groups}" if summary != "full" else "full"),
                    settings=settings,
                )
            seen.append(len(statements))
        assert seen[0] == seen[1], statements


def test_a_key_with_any_words_in_it_is_found_again(world: World) -> None:
    keys = ['"', "'", "\\", "[1]", "{}", "ключ", "🔥", "a,b", "%s", ":x", "null"]
    told = [Told(ALICE, Report(key, "full", service="shop")) for key in keys]
    opened = world.write(take, told, settings=AlertsSettings())
    again = world.write(take, told, settings=AlertsSettings())
    assert [each.action for each in again] == ["nothing"] * len(keys)
    assert [each.alert_id for each in again] == [each.alert_id for each in opened]
