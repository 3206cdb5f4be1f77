"""Tables of the deployments domain."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Json, Utc, metadata

# One row per placement: who serves, what the proxy was told, and the one deployment that may run.
placements = sa.Table(
    "deployment_placements",
    metadata,
    sa.Column("placement", sa.String(127), primary_key=True),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("running", sa.String(20), unique=True),
    sa.Column("live", sa.String(20)),
    sa.Column("live_since", Utc),
    sa.Column("stable_revision", sa.String(160)),
    sa.Column("stable_slot", sa.String(10)),
    sa.Column("warm_revision", sa.String(160)),
    sa.Column("split", Json),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("confirmed_split", Json),
    sa.Column("confirmed_generation", sa.BigInteger, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("revision_count", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("due_at", Utc),
    sa.UniqueConstraint("service", "environment"),
)
sa.Index(
    "ix_deployment_placements_due",
    placements.c.due_at,
    sqlite_where=placements.c.due_at.is_not(None),
    postgresql_where=placements.c.due_at.is_not(None),
)

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("service", sa.String(63), nullable=False),
    sa.Column("environment", sa.String(63), nullable=False),
    sa.Column("release", sa.String(20), nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("commit_sha", sa.String(64), nullable=False),
    sa.Column("strategy", sa.String(100), nullable=False),
    sa.Column("steps", Json, nullable=False),
    sa.Column("config", Json, nullable=False),
    sa.Column("tier", sa.Integer, nullable=False),
    sa.Column("rollback_safe", sa.Boolean, nullable=False),
    sa.Column("announcement", Json, nullable=False),
    sa.Column("requested_at", Utc, nullable=False),
    sa.Column("requested_by", sa.String(220), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("is_manual", sa.Boolean, nullable=False),
    sa.Column("is_hotfix", sa.Boolean, nullable=False),
    sa.Column("is_first", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    # grows with every change but the evidence: what was planned from an equal stamp is still right
    sa.Column("stamp", sa.Integer, nullable=False),
    sa.Column("deadline_at", Utc),
    # revisions and slots
    sa.Column("candidate_revision", sa.String(160)),
    sa.Column("candidate_slot", sa.String(10)),
    sa.Column("stable_revision", sa.String(160)),
    sa.Column("stable_slot", sa.String(10)),
    sa.Column("return_revision", sa.String(160)),
    sa.Column("preview_token", sa.String(100), nullable=False),
    # the rollout: `step` -1 is the baseline, `weight` is confirmed (None: the candidate has no route)
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("step_ends_at", Utc),
    sa.Column("wanted_weight", sa.Float, nullable=False),
    sa.Column("weight", sa.Float),
    sa.Column("weight_since", Utc),
    sa.Column("did_smoke_pass", sa.Boolean, nullable=False),
    sa.Column("recheck", sa.String(10), nullable=False),
    sa.Column("held_code", sa.String(40)),
    sa.Column("held_reason", sa.Text),
    sa.Column("is_paused", sa.Boolean, nullable=False),
    sa.Column("frozen_at", Utc),
    sa.Column("waived", Json, nullable=False),
    sa.Column("is_proven", sa.Boolean, nullable=False),
    sa.Column("verdict", sa.String(20)),
    sa.Column("verdict_reason", sa.Text),
    sa.Column("evidence", Json),
    sa.Column("look_version", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("problem", sa.Text),
    # how it ended
    sa.Column("ending", sa.String(20), nullable=False),
    sa.Column("end_reason", sa.Text),
    sa.Column("end_code", sa.String(40)),
    sa.Column("end_actor", Json),
    sa.Column("is_automatic_end", sa.Boolean, nullable=False),
    sa.Column("after_completion", sa.Boolean, nullable=False),
    sa.Column("first_shift_at", Utc),
    sa.Column("first_bad_at", Utc),
    sa.Column("decided_at", Utc),
    sa.Column("completed_at", Utc),
    sa.Column("finished_at", Utc),
    sa.Column("detected_after_s", sa.Float),
    sa.Column("rollback_took_s", sa.Float),
    sa.Column("failed_requests", sa.BigInteger),
    sa.Index("ix_deployments_placement", "service", "environment", "number"),
    sa.Index("ix_deployments_environment", "environment", "number"),
    sa.Index("ix_deployments_digest", "digest"),
    sa.Index("ix_deployments_commit", "commit_sha"),
)
_runs = deployments.c.state.in_(("pending", "preparing", "smoke-testing", "shifting", "verifying", "rolling-back"))
sa.Index(
    "uq_deployments_one_running",
    deployments.c.service,
    deployments.c.environment,
    unique=True,
    sqlite_where=_runs,
    postgresql_where=_runs,
)

revisions = sa.Table(
    "deployment_revisions",
    metadata,
    sa.Column("name", sa.String(160), primary_key=True),
    sa.Column("placement", sa.String(127), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("deployment", sa.String(20), nullable=False),
    sa.Column("release", sa.String(20), nullable=False),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("slot", sa.String(10), nullable=False),
    sa.Column("target", sa.String(20), nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("endpoints", Json, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("is_routed", sa.Boolean, nullable=False),
    sa.Column("why_kept", sa.Text),
    sa.Column("stop_at", Utc),
    sa.Column("due_at", Utc),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("snapshot", Json),
    sa.Column("log_tail", Json),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("stopped_at", Utc),
    sa.Index("ix_deployment_revisions_placement", "placement", "number"),
)
sa.Index(
    "ix_deployment_revisions_due",
    revisions.c.due_at,
    sqlite_where=revisions.c.due_at.is_not(None),
    postgresql_where=revisions.c.due_at.is_not(None),
)

# Evidence goes on where it was after a restart: one row per deployment and metric.
accumulators = sa.Table(
    "deployment_accumulators",
    metadata,
    sa.Column("deployment", sa.String(20), primary_key=True),
    sa.Column("metric", sa.String(60), primary_key=True),
    sa.Column("body", Json, nullable=False),
)

history = sa.Table(
    "deployment_history",
    metadata,
    sa.Column("deployment", sa.String(20), primary_key=True),
    sa.Column("second", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("ix_deployment_history_second", "second"),
)

# What the page of a finished rollout shows, for ever: its seconds and its events go after some time.
pictures = sa.Table(
    "deployment_pictures",
    metadata,
    sa.Column("deployment", sa.String(20), primary_key=True),
    sa.Column("body", Json, nullable=False),
)
