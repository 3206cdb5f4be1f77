"""Runs inside Alembic with the connection `kit.database.migrate` hands over."""

from __future__ import annotations

from alembic import context

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.kit.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
    compare_type=True,
)
context.run_migrations()
