"""REST routes of releases."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from staycalm.core.actor import Actor
from staycalm.core.errors import NotFound
from staycalm.domains.releases import queries, service
from staycalm.domains.releases.decisions import check_digest
from staycalm.domains.releases.intake import Intake, take_in
from staycalm.domains.releases.queries import Release
from staycalm.domains.releases.schemas import NewRelease, ReleaseOut, ReleasePage, Uploaded, release_out
from staycalm.kit.database import Database, ReadTx
from staycalm.kit.http import Db, Router, allow

router = Router(prefix="/api/v1/releases", tags=["releases"])


def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.release_intake
    return intake


Taking = Annotated[Intake, Depends(_intake)]


@router.get("")
async def list_releases(
    db: Db,
    who: Annotated[Actor, allow("metrics", "read")],
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    service: str | None = None,
    cursor: str | None = None,
) -> ReleasePage:
    """Return the newest releases first."""
    return await db.read(_page, limit, service, cursor)


def _page(tx: ReadTx, limit: int, service_name: str | None, cursor: str | None) -> ReleasePage:
    page = queries.list_releases(tx, limit=limit, service=service_name, cursor=cursor)
    arrivals = queries.arrivals(tx, [release.id for release in page.items])
    items = [release_out(release, arrivals[release.id]) for release in page.items]
    return ReleasePage(items=items, next_cursor=page.next_cursor)


@router.get("/{name}")
async def get_release(db: Db, who: Annotated[Actor, allow("metrics", "read")], name: str) -> ReleaseOut:
    """Return a release by REL-n, digest, or a unique prefix of digest or commit."""
    return await db.read(lambda tx: _out(tx, queries.get_release(tx, name)))


def _out(tx: ReadTx, release: Release) -> ReleaseOut:
    return release_out(release, queries.arrivals(tx, [release.id])[release.id])


@router.put("/artifacts", status_code=201)
async def upload_artifact(
    request: Request,
    who: Annotated[Actor, allow("deploy", "write")],
    intake: Taking,
    digest: Annotated[str | None, Query(description="What the client computed; compared, never trusted.")] = None,
) -> Uploaded:
    """The request's body is in the artifact store under its digest. The same bytes twice are one artifact."""
    declared = check_digest(digest) if digest is not None else None
    stored = await take_in(intake, request.stream(), declared=declared)
    return Uploaded(digest=stored.digest, size=stored.size)


@router.head("/artifacts/{digest}")
async def has_artifact(who: Annotated[Actor, allow("metrics", "read")], intake: Taking, digest: str) -> Response:
    """Answer 200 when the store has these bytes, 404 when not: whoever has them need not send them."""
    found = await intake.store.find(check_digest(digest))
    return Response(status_code=200 if found else 404)


@router.post("", status_code=201)
async def register_release(
    db: Db, who: Annotated[Actor, allow("deploy", "write")], intake: Taking, body: NewRelease
) -> ReleaseOut:
    """The bytes are a release of the service; registering them again returns the first record."""
    return await _register(db, intake, who, body)


async def _register(db: Database, intake: Intake, actor: Actor, body: NewRelease) -> ReleaseOut:
    size = None
    reference = body.reference
    if reference is None:
        stored = await intake.store.find(check_digest(body.digest))
        if stored is None:
            raise NotFound(
                "no-such-artifact",
                f"the store has no bytes with digest {body.digest}",
                next_step="Send them to PUT /api/v1/releases/artifacts first, or give a reference.",
            )
        reference, size = stored.path, stored.size
    release = await db.write(
        service.register,
        actor,
        service=body.service,
        digest=body.digest,
        reference=reference,
        is_opaque=body.reference is not None,
        size=size,
        build_id=body.build_id,
        commit_sha=body.commit_sha,
        branch=body.branch,
        built_at=body.build_timestamp,
        tests_passed=tuple(body.tests_passed),
        rollback_safe=body.rollback_safe,
    )
    return await db.read(_out, release)
