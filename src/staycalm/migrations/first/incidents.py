"""The first schema: incidents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Utc

TABLES = (
    "incident_causes",
    "incident_notes",
    "incident_roles",
    "incidents",
    "post_mortems",
)


def create() -> None:
    op.create_table(
        "incident_causes",
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("happened_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_incident_causes")),
    )
    with op.batch_alter_table("incident_causes", schema=None) as batch_op:
        batch_op.create_index("ix_incident_causes_incident", ["incident"], unique=False)
        batch_op.create_index("ix_incident_causes_subject", ["subject"], unique=False)
    op.create_table(
        "incident_notes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=220), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_notes")),
        sa.UniqueConstraint("incident", "key", name=op.f("uq_incident_notes_incident_key")),
    )
    with op.batch_alter_table("incident_notes", schema=None) as batch_op:
        batch_op.create_index("ix_incident_notes_incident", ["incident", "at"], unique=False)
    op.create_table(
        "incident_roles",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_roles")),
    )
    with op.batch_alter_table("incident_roles", schema=None) as batch_op:
        batch_op.create_index(
            "ix_incident_roles_held",
            ["incident", "role"],
            unique=True,
            sqlite_where=sa.text("until IS NULL"),
            postgresql_where=sa.text("until IS NULL"),
        )
        batch_op.create_index("ix_incident_roles_incident", ["incident", "since"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("open_placement", sa.String(length=130), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=True),
        sa.Column("environment", sa.String(length=63), nullable=True),
        sa.Column("declared_by", sa.String(length=220), nullable=False),
        sa.Column("declared_at", Utc(), nullable=False),
        sa.Column("impact_started_at", Utc(), nullable=True),
        sa.Column("detected_at", Utc(), nullable=True),
        sa.Column("impact_ended_at", Utc(), nullable=True),
        sa.Column("resolved_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("number", name=op.f("uq_incidents_number")),
        sa.UniqueConstraint("open_placement", name=op.f("uq_incidents_open_placement")),
    )
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.create_index("ix_incidents_placement", ["service", "environment", "number"], unique=False)
        batch_op.create_index("ix_incidents_state", ["state", "number"], unique=False)
    op.create_table(
        "post_mortems",
        sa.Column("incident", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("drafted_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("incident", name=op.f("pk_post_mortems")),
    )
    with op.batch_alter_table("post_mortems", schema=None) as batch_op:
        batch_op.create_index("ix_post_mortems_due", ["due_at"], unique=False)
