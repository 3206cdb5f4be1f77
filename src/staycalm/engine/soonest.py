"""One question instead of many: the earliest due time of everything, in a single statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.kit.database import ReadTx
from staycalm.kit.database.tables import Utc


class Soonest:
    """Asked several times per turn, so it is compiled once: the statement has no parameters."""

    def __init__(self, asked: Sequence[sa.ScalarSelect[Any] | None]) -> None:
        self._columns = [sa.null() if each is None else sa.type_coerce(each, Utc) for each in asked]
        self._text: dict[str, str] = {}

    def all(self, tx: ReadTx) -> list[datetime | None]:
        """Return the earliest due times in the order asked; None where there is none."""
        dialect = tx.connection.dialect
        text = self._text.get(dialect.name)
        if text is None:
            labelled = [column.label(f"due_{place}") for place, column in enumerate(self._columns)]
            compiled = sa.select(*labelled).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            text = self._text[dialect.name] = str(compiled)
        row = tx.connection.exec_driver_sql(text).one()
        utc = Utc()
        return [None if value is None else utc.process_result_value(value, dialect) for value in row]
