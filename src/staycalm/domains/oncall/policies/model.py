"""Tables of escalation policies and of the timing per priority."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, metadata

policies = sa.Table(
    "oncall_policies",
    metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("steps", Json, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
)

timings = sa.Table(
    "oncall_timings",
    metadata,
    sa.Column("priority", sa.String(2), primary_key=True),
    sa.Column("page_after_s", sa.Float, nullable=False),
    sa.Column("acknowledgement_timeout_s", sa.Float, nullable=False),
)
