"""Runs inside Alembic with the connection `kit.database.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.kit.database.tables import BigId, Json, Utc, metadata


def render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Our own column types are written by their names, and yes and no as every database has its own words for."""
    if kind == "server_default" and isinstance(item, sa.DefaultClause):
        if isinstance(item.arg, sa.False_ | sa.True_):
            return "sa.true()" if isinstance(item.arg, sa.True_) else "sa.false()"
        return False
    if kind != "type":
        return False
    if isinstance(item, Utc):
        return "Utc()"
    return "Json" if item is Json else "BigId" if item is BigId else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
    compare_type=True,
    render_item=render,
)
context.run_migrations()
