"""Reading the log by cursor on PostgreSQL, which gives seqs out in another order than it commits.

Whoever is about to write events holds, until its transaction ends, a shared advisory lock whose key is the
newest seq before its own. Below the lowest such key nothing can appear any more. (The snapshot functions of
PostgreSQL cannot tell: transaction numbers have no order with seqs, and other databases hold them back.)
"""

from __future__ import annotations

import sqlalchemy as sa

LOCK_SPACE = 0x5CA1 << 48  # the upper 16 bits of keys that nobody but the event log uses; the rest is a seq

ANNOUNCE = f"SELECT pg_advisory_xact_lock_shared({LOCK_SPACE} | last_value) FROM events_seq_seq"
HORIZON = f"""
SELECT least((SELECT last_value FROM events_seq_seq), min((classid::bigint << 32 | objid::bigint) - {LOCK_SPACE}))
FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {LOCK_SPACE >> 48}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def announce(connection: sa.Connection) -> None:
    """Readers wait for this transaction's events from now on; to be called before its first seq is drawn."""
    connection.exec_driver_sql(ANNOUNCE)


def horizon(connection: sa.Connection) -> int:
    """Return the highest seq a cursor may pass in a *later* statement of a READ COMMITTED transaction.

    Asked for in the reading statement itself, it would miss a commit between the snapshot and the look at
    the locks.
    """
    return int(connection.exec_driver_sql(HORIZON).scalar_one())
