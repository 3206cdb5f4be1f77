"""The first schema: deployments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from staycalm.kit.database.tables import Json, Utc

TABLES = (
    "deployment_accumulators",
    "deployment_history",
    "deployment_placements",
    "deployment_revisions",
    "deployments",
)


def create() -> None:
    op.create_table(
        "deployment_accumulators",
        sa.Column("deployment", sa.String(length=20), nullable=False),
        sa.Column("metric", sa.String(length=60), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("deployment", "metric", name=op.f("pk_deployment_accumulators")),
    )
    op.create_table(
        "deployment_history",
        sa.Column("deployment", sa.String(length=20), nullable=False),
        sa.Column("second", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("deployment", "second", name=op.f("pk_deployment_history")),
    )
    with op.batch_alter_table("deployment_history", schema=None) as batch_op:
        batch_op.create_index("ix_deployment_history_second", ["second"], unique=False)
    op.create_table(
        "deployment_placements",
        sa.Column("placement", sa.String(length=127), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("running", sa.String(length=20), nullable=True),
        sa.Column("live", sa.String(length=20), nullable=True),
        sa.Column("live_since", Utc(), nullable=True),
        sa.Column("stable_revision", sa.String(length=160), nullable=True),
        sa.Column("stable_slot", sa.String(length=10), nullable=True),
        sa.Column("warm_revision", sa.String(length=160), nullable=True),
        sa.Column("split", Json, nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_split", Json, nullable=True),
        sa.Column("confirmed_generation", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("revision_count", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("placement", name=op.f("pk_deployment_placements")),
        sa.UniqueConstraint("running", name=op.f("uq_deployment_placements_running")),
        sa.UniqueConstraint("service", "environment", name=op.f("uq_deployment_placements_service_environment")),
    )
    with op.batch_alter_table("deployment_placements", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deployment_placements_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
    op.create_table(
        "deployment_revisions",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("placement", sa.String(length=127), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(length=20), nullable=False),
        sa.Column("release", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("slot", sa.String(length=10), nullable=False),
        sa.Column("target", sa.String(length=20), nullable=False),
        sa.Column("spec", Json, nullable=False),
        sa.Column("endpoints", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("is_routed", sa.Boolean(), nullable=False),
        sa.Column("why_kept", sa.Text(), nullable=True),
        sa.Column("stop_at", Utc(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("snapshot", Json, nullable=True),
        sa.Column("log_tail", Json, nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("stopped_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployment_revisions")),
    )
    with op.batch_alter_table("deployment_revisions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_deployment_revisions_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_deployment_revisions_placement", ["placement", "number"], unique=False)
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("release", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("commit_sha", sa.String(length=64), nullable=False),
        sa.Column("strategy", sa.String(length=100), nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("rollback_safe", sa.Boolean(), nullable=False),
        sa.Column("announcement", Json, nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("requested_by", sa.String(length=220), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_manual", sa.Boolean(), nullable=False),
        sa.Column("is_hotfix", sa.Boolean(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("stamp", sa.Integer(), nullable=False),
        sa.Column("deadline_at", Utc(), nullable=True),
        sa.Column("candidate_revision", sa.String(length=160), nullable=True),
        sa.Column("candidate_slot", sa.String(length=10), nullable=True),
        sa.Column("stable_revision", sa.String(length=160), nullable=True),
        sa.Column("stable_slot", sa.String(length=10), nullable=True),
        sa.Column("return_revision", sa.String(length=160), nullable=True),
        sa.Column("preview_token", sa.String(length=100), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("step_ends_at", Utc(), nullable=True),
        sa.Column("wanted_weight", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=True),
        sa.Column("weight_since", Utc(), nullable=True),
        sa.Column("did_smoke_pass", sa.Boolean(), nullable=False),
        sa.Column("recheck", sa.String(length=10), nullable=False),
        sa.Column("held_code", sa.String(length=40), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=True),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("frozen_at", Utc(), nullable=True),
        sa.Column("waived", Json, nullable=False),
        sa.Column("is_proven", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("verdict_reason", sa.Text(), nullable=True),
        sa.Column("evidence", Json, nullable=True),
        sa.Column("look_version", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("ending", sa.String(length=20), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("end_code", sa.String(length=40), nullable=True),
        sa.Column("end_actor", Json, nullable=True),
        sa.Column("is_automatic_end", sa.Boolean(), nullable=False),
        sa.Column("after_completion", sa.Boolean(), nullable=False),
        sa.Column("first_shift_at", Utc(), nullable=True),
        sa.Column("first_bad_at", Utc(), nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("completed_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("detected_after_s", sa.Float(), nullable=True),
        sa.Column("rollback_took_s", sa.Float(), nullable=True),
        sa.Column("failed_requests", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
        sa.UniqueConstraint("number", name=op.f("uq_deployments_number")),
    )
    with op.batch_alter_table("deployments", schema=None) as batch_op:
        batch_op.create_index("ix_deployments_commit", ["commit_sha"], unique=False)
        batch_op.create_index("ix_deployments_digest", ["digest"], unique=False)
        batch_op.create_index("ix_deployments_environment", ["environment", "number"], unique=False)
        batch_op.create_index("ix_deployments_placement", ["service", "environment", "number"], unique=False)
        batch_op.create_index(
            "uq_deployments_one_running",
            ["service", "environment"],
            unique=True,
            sqlite_where=sa.text(
                "state IN ('pending', 'preparing', 'smoke-testing', 'shifting', 'verifying', 'rolling-back')"
            ),
            postgresql_where=sa.text(
                "state IN ('pending', 'preparing', 'smoke-testing', 'shifting', 'verifying', 'rolling-back')"
            ),
        )
