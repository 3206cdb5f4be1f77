"""Tables of the incidents domain."""

from __future__ import annotations

import sqlalchemy as sa

from staycalm.kit.database.tables import Utc, metadata

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    # `service@environment` while open, else NULL: two causes at one instant cannot open two incidents.
    sa.Column("open_placement", sa.String(130), unique=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("service", sa.String(63)),
    sa.Column("environment", sa.String(63)),
    sa.Column("declared_by", sa.String(220), nullable=False),
    sa.Column("declared_at", Utc, nullable=False),
    sa.Column("impact_started_at", Utc),
    sa.Column("detected_at", Utc),
    sa.Column("impact_ended_at", Utc),
    sa.Column("resolved_at", Utc),
    sa.Index("ix_incidents_placement", "service", "environment", "number"),
    sa.Index("ix_incidents_state", "state", "number"),
)

# A cause belongs to one incident for ever. `priority` is the highest it was told with.
incident_causes = sa.Table(
    "incident_causes",
    metadata,
    sa.Column("cause", sa.String(200), primary_key=True),
    sa.Column("incident", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(200)),
    sa.Column("priority", sa.String(2), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("happened_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
    sa.Index("ix_incident_causes_incident", "incident"),
    sa.Index("ix_incident_causes_subject", "subject"),
)

incident_roles = sa.Table(
    "incident_roles",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident", sa.String(20), nullable=False),
    sa.Column("role", sa.String(30), nullable=False),
    sa.Column("person", sa.String(200), nullable=False),
    sa.Column("since", Utc, nullable=False),
    sa.Column("until", Utc),
)
_held = incident_roles.c.until.is_(None)
sa.Index(
    "ix_incident_roles_held",
    incident_roles.c.incident,
    incident_roles.c.role,
    unique=True,
    sqlite_where=_held,
    postgresql_where=_held,
)
sa.Index("ix_incident_roles_incident", incident_roles.c.incident, incident_roles.c.since)

# `key` makes a note that StayCalm writes by itself exist once, however often its event is delivered.
incident_notes = sa.Table(
    "incident_notes",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident", sa.String(20), nullable=False),
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("by", sa.String(220), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("incident", "key"),
    sa.Index("ix_incident_notes_incident", "incident", "at"),
)

# `due_at` is when a person has to have written it; `post_mortem_reminders` tells somebody when nobody has.
post_mortems = sa.Table(
    "post_mortems",
    metadata,
    sa.Column("incident", sa.String(20), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("drafted_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
)
sa.Index("ix_post_mortems_due", post_mortems.c.due_at)
