"""Reading releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from staycalm.core.errors import Conflict, NotFound
from staycalm.core.pagination import Page, check_limit, cut, numbered
from staycalm.domains.releases.decisions import read_name
from staycalm.domains.releases.model import release_arrivals, releases
from staycalm.kit.database import ReadTx

MAX_ARRIVALS = 100


@dataclass(frozen=True, slots=True)
class Release:
    """A named artifact. `reference` is where its bytes are; `is_opaque` when only the target can read it.

    `tests_passed` are names such as `unit_tests`. `rollback_safe` False: going back to an older release
    needs a person's decision, because of a schema change or the like.
    """

    id: str
    service: str
    digest: str
    reference: str
    is_opaque: bool
    size: int | None
    build_id: str
    commit_sha: str
    branch: str
    built_at: datetime | None
    tests_passed: tuple[str, ...]
    rollback_safe: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a release went live in an environment, by which deployment."""

    environment: str
    at: datetime
    deployment: str


def _release(row: sa.Row[Any]) -> Release:
    values = dict(row._mapping)
    values.pop("number")
    return Release(**{**values, "tests_passed": tuple(row.tests_passed)})


def find_release(tx: ReadTx, release_id: str) -> Release | None:
    """Return the release with exactly this id, or None."""
    row = tx.one_or_none(sa.select(releases).where(releases.c.id == release_id))
    return _release(row) if row else None


def find_by_digest(tx: ReadTx, service: str, digest: str) -> Release | None:
    """Return the service's release of exactly these bytes, or None."""
    row = tx.one_or_none(sa.select(releases).where(releases.c.service == service, releases.c.digest == digest))
    return _release(row) if row else None


def get_release(tx: ReadTx, name: str) -> Release:
    """Return the release that `name` means among all services; raises NotFound, Conflict when ambiguous."""
    return _the_one(tx, name, None)


def resolve_artifact(tx: ReadTx, service: str, text: str) -> Release:
    """Return the service's release that `text` means: REL-n, digest or unique prefix, commit prefix, reference.

    Raises NotFound (naming what to do), Conflict when several match, Invalid when it can name nothing.
    """
    return _the_one(tx, text, service)


def _the_one(tx: ReadTx, text: str, service: str | None) -> Release:
    wanted = read_name(text)
    c = releases.c
    conditions = {
        "id": c.id == wanted.text,
        "digest": c.digest.startswith(f"sha256:{wanted.text}", autoescape=True),
        "hex": sa.or_(
            c.digest.startswith(f"sha256:{wanted.text}", autoescape=True),
            c.commit_sha.startswith(wanted.text, autoescape=True),
        ),
        "reference": c.reference == wanted.text,
    }
    query = sa.select(releases).where(conditions[wanted.kind]).order_by(c.number.desc()).limit(6)
    found = tx.rows(query if service is None else query.where(c.service == service))
    if len(found) == 1:
        return _release(found[0])
    of = f" of {service}" if service else ""
    if not found:
        raise NotFound(
            "no-such-release",
            f"no release{of} matches {text!r}",
            next_step="See `sc ops deployments`, or deploy a file: it is registered on the way.",
        )
    names = [f"{row.id} ({row.digest[:19]}, commit {row.commit_sha[:12] or 'unknown'})" for row in found[:5]]
    more = " and more" if len(found) > 5 else ""
    raise Conflict(
        "ambiguous-release",
        f"{text!r} matches several releases{of}: {', '.join(names)}{more}",
        next_step="Use more digits, or the REL-n id.",
        candidates=[row.id for row in found[:5]],
    )


def list_releases(
    tx: ReadTx, *, limit: int, service: str | None = None, cursor: str | None = None
) -> Page[Release]:
    """Return the newest releases first."""
    query = sa.select(releases).order_by(releases.c.number.desc()).limit(check_limit(limit) + 1)
    if service is not None:
        query = query.where(releases.c.service == service)
    if cursor is not None:
        query = query.where(releases.c.number < numbered(cursor))
    rows = [_release(row) for row in tx.rows(query)]
    return cut(rows, limit, lambda release: release.id.removeprefix("REL-"))


def arrivals(tx: ReadTx, release_ids: Sequence[str]) -> dict[str, tuple[Arrival, ...]]:
    """Return per release when it first went live in each environment (SOP §2.2 `deployed_to`), oldest first."""
    a = release_arrivals.c
    query = (
        sa.select(a.release, a.environment, a.at, a.deployment)
        .where(a.release.in_(list(release_ids)))
        .order_by(a.at)
        .limit(MAX_ARRIVALS * max(1, len(release_ids)))
    )
    found: dict[str, dict[str, Arrival]] = {each: {} for each in release_ids}
    for row in tx.rows(query):
        found[row.release].setdefault(row.environment, Arrival(row.environment, row.at, row.deployment))
    return {release: tuple(places.values()) for release, places in found.items()}
