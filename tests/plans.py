"""Which tables a query reads from one end to the other, as the database itself plans it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from staycalm.kit.database import Database
from tests.conftest import drive


def full_scans(
    database: Database, tables: set[str], query: Callable[..., Any], *args: Any, **named: Any
) -> list[str]:
    """Return each statement of the query whose plan reads all of one of these tables.

    SQLite says so whatever the tables hold. PostgreSQL rightly reads small tables whole: there it is forbidden
    to, and says what it would have to do without an index.
    """
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        drive(database.read(query, *args, **named))
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    assert seen, "the query asked nothing"
    is_postgres = database.engine.dialect.name == "postgresql"
    found = []
    with database.engine.connect() as connection:
        if is_postgres:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in seen:
            asked = ("EXPLAIN " if is_postgres else "EXPLAIN QUERY PLAN ") + statement
            plan = [" ".join(str(cell) for cell in row) for row in connection.exec_driver_sql(asked, parameters)]
            found += [f"{line.strip()} <- {statement[:200]}" for line in plan if _is_full(line, tables)]
        connection.rollback()
    return found


def _is_full(line: str, tables: set[str]) -> bool:
    on_sqlite = re.search(r"\bSCAN (\w+)(?! USING)", line)
    if on_sqlite is not None and " USING " not in line:
        return on_sqlite[1] in tables
    on_postgres = re.search(r"\bSeq Scan on (\w+)", line)
    return on_postgres is not None and on_postgres[1] in tables
