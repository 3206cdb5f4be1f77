"""Bytes coming in: through a file of our own into the artifact store, hashed on the way."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from staycalm.core.errors import Invalid, Unavailable
from staycalm.kit.ids import Ids
from staycalm.ports.artifacts import ArtifactStore, StoredArtifact


@dataclass(frozen=True)
class Intake:
    """Where uploads land: `directory` lies on the artifact store's file system.

    A file there begins with the id of its process, so that what a killed one left is known for what it is.
    """

    store: ArtifactStore
    directory: Path
    limit_bytes: int
    ids: Ids


async def take_in(intake: Intake, chunks: AsyncIterator[bytes], *, declared: str | None) -> StoredArtifact:
    """The bytes are in the store under the digest that we computed, which equals `declared` if one was given.

    Raises Invalid (empty, too large, another digest) and Unavailable (disk full); then nothing is left behind.
    """
    path = intake.directory / f"{os.getpid()}-upload-{intake.ids.uuid()}"
    try:
        digest, size = await _write(intake, path, chunks)
        if declared is not None and declared != digest:
            raise Invalid(
                "digest-differs",
                f"the bytes received are {digest}, not {declared}",
                next_step="Build or fetch the artifact again and send it once more; nothing was registered.",
            )
        if size == 0:
            raise Invalid("empty-artifact", "the artifact has no bytes")
        return await intake.store.put(str(path))
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise Unavailable(
            "disk-full" if full else "cannot-store",
            "the server's disk is full" if full else f"the server cannot store the artifact: {error.strerror}",
            next_step="Free space in the data directory and send it again; nothing was registered.",
        ) from None
    finally:
        with suppress(OSError):
            path.unlink()


async def _write(intake: Intake, path: Path, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
    hashing = hashlib.sha256()
    size = 0
    intake.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with await asyncio.to_thread(path.open, "xb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > intake.limit_bytes:
                raise Invalid(
                    "artifact-too-large",
                    f"the artifact is larger than {intake.limit_bytes} bytes",
                    next_step="Raise releases.upload_limit_bytes, or use the exec target with a reference.",
                )
            hashing.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    return f"sha256:{hashing.hexdigest()}", size
