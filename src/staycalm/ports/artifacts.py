"""Immutable bytes by digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """Bytes in the store. `digest` is `sha256:` and 64 hex digits; `size` in bytes."""

    digest: str
    size: int
    path: str


class ArtifactStore(Protocol):
    """Keeps artifacts for ever under their digest."""

    async def put(self, chunks_path: str) -> StoredArtifact:
        """The file's bytes are in the store under their digest; the same bytes twice are one artifact."""
        ...

    async def find(self, digest: str) -> StoredArtifact | None:
        """Return the artifact, or None; the digest is not recomputed."""
        ...

    async def verify(self, digest: str) -> StoredArtifact:
        """Return the artifact after hashing its bytes again; raises DigestMismatch or InvalidSpec (absent)."""
        ...
