"""Writing releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.catalog import public as catalog
from staycalm.domains.releases.decisions import check_digest
from staycalm.domains.releases.events import ReleaseMarkedUnsafe, ReleaseRegistered
from staycalm.domains.releases.model import release_arrivals, releases
from staycalm.domains.releases.queries import Release, find_by_digest
from staycalm.kit.database import Tx

MAX_TESTS = 100


def register(
    tx: Tx,
    actor: Actor,
    *,
    service: str,
    digest: str,
    reference: str,
    is_opaque: bool = False,
    size: int | None = None,
    build_id: str = "",
    commit_sha: str = "",
    branch: str = "",
    built_at: datetime | None = None,
    tests_passed: Sequence[str] = (),
    rollback_safe: bool = True,
) -> Release:
    """The bytes are a release of the service. Registering them again returns the first record.

    Only `rollback_safe` may still change, and only from True to False.
    """
    catalog.get_service(tx, service)
    check_digest(digest)
    _check_record(reference, commit_sha, tests_passed)
    known = find_by_digest(tx, service, digest)
    if known is None:
        known = _insert(
            tx,
            actor,
            service=service,
            digest=digest,
            reference=reference,
            is_opaque=is_opaque,
            size=size,
            build_id=build_id,
            commit_sha=commit_sha.lower(),
            branch=branch,
            built_at=built_at,
            tests_passed=list(tests_passed),
            rollback_safe=rollback_safe,
        )
    if known.rollback_safe and not rollback_safe:
        return mark_unsafe(tx, actor, known)
    return known


def _check_record(reference: str, commit_sha: str, tests_passed: Sequence[str]) -> None:
    if not reference.strip():
        raise Invalid("no-reference", "a release says where its bytes are")
    if commit_sha and not (4 <= len(commit_sha) <= 64 and all(c in "0123456789abcdefABCDEF" for c in commit_sha)):
        raise Invalid("bad-commit", f"{commit_sha!r} is not a commit", next_step="Use 4-64 hexadecimal digits.")
    if len(tests_passed) > MAX_TESTS:
        raise Invalid("too-many-tests", f"a release names at most {MAX_TESTS} test suites")


def _insert(tx: Tx, actor: Actor, **values: object) -> Release:
    number = tx.next_number("REL")
    row = {**values, "id": f"REL-{number}", "number": number, "created_at": tx.now, "created_by": str(actor)}
    is_new = tx.insert_or_ignore(releases, row, on=["service", "digest"])
    release = find_by_digest(tx, str(values["service"]), str(values["digest"]))
    assert release is not None
    if is_new:
        tx.emit(
            actor,
            ReleaseRegistered(
                subject=release.id,
                service=release.service,
                digest=release.digest,
                commit_sha=release.commit_sha,
                branch=release.branch,
                build_id=release.build_id,
                is_opaque=release.is_opaque,
                rollback_safe=release.rollback_safe,
                tests_passed=list(release.tests_passed),
            ),
        )
    return release


def mark_unsafe(tx: Tx, actor: Actor, release: Release) -> Release:
    """An automatic rollback from this release holds and pages instead; there is no way back."""
    changed = tx.guarded_update(
        releases.update().where(releases.c.id == release.id, releases.c.rollback_safe).values(rollback_safe=False)
    )
    if changed:
        tx.emit(actor, ReleaseMarkedUnsafe(subject=release.id, service=release.service, digest=release.digest))
    again = find_by_digest(tx, release.service, release.digest)
    assert again is not None
    return again


def note_arrival(tx: Tx, *, deployment: str, release: str, environment: str, at: datetime) -> None:
    """The deployment brought the release live in the environment; noted once per deployment."""
    row = {"deployment": deployment, "release": release, "environment": environment, "at": at}
    tx.insert_or_ignore(release_arrivals, row, on=["deployment"])
