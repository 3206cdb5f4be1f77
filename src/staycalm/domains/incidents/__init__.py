"""Something is wrong for users: one incident, from the first sign to the lessons learned.

An incident is declared by a person, by an alert of P0 or P1, or by a rollback; each such *cause* belongs to
one incident for ever (a unique row). A new cause on a placement that has an open incident, or within ten
minutes of its rollback, joins it (`decisions`), so that one failure never becomes two incidents. `machine`
holds the workflow of SOP §5.1. Declaring starts the escalation in the same transaction; resolving stops it
and sets the post-mortem due. `timeline` and `report` tell what happened from the event log alone: what is
not known there is "unknown", never 0.
"""
