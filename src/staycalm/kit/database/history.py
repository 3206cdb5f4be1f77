"""The history of the schema, read from the steps' files: which step is the newest, which this code knows.

Alembic knows too, but takes 90 ms to be imported, and most starts find that nothing is to be done.
"""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

import staycalm

FOLDER = Path(staycalm.__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"
STEP = re.compile(r'^revision(?:: str)? = "(\w+)"$', re.MULTILINE)
BEFORE = re.compile(r'^down_revision(?:: str)? = "(\w+)"$', re.MULTILINE)


def newest_revision() -> str:
    """Return the revision this code expects: the one that no other builds upon."""
    texts = _texts()
    built_upon = {found for text in texts for found in BEFORE.findall(text)}
    (newest,) = (found for text in texts for found in STEP.findall(text) if found not in built_upon)
    return str(newest)


def known_revisions() -> frozenset[str]:
    """Return every revision this code has."""
    return frozenset(found for text in _texts() for found in STEP.findall(text))


def is_known(revision: str) -> bool:
    """Return whether this code has that revision; newer code may have migrated already."""
    return revision in known_revisions()


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, None when it is empty."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE} LIMIT 1").scalar()
    return found


def _texts() -> list[str]:
    return [file.read_text(encoding="utf-8") for file in sorted((FOLDER / "versions").glob("*.py"))]
