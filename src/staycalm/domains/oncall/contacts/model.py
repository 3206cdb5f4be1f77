"""Tables of contact methods and of the channels this server can send through."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import metadata

contact_methods = sa.Table(
    "oncall_contact_methods",
    metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("person", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("after_s", sa.Float),
    sa.Column("health", sa.String(10), nullable=False),
    sa.Column("managed_by", sa.String(10), nullable=False),
    sa.UniqueConstraint("person", "kind", "address", name="uq_oncall_contact_methods_address"),
)

channels = sa.Table("oncall_channels", metadata, sa.Column("kind", sa.String(20), primary_key=True))
