"""From what stands on the command line to a registered release: pack, hash, send, register."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import click

from staycalm.cli.busy import busy
from staycalm.client.api import Api, ApiError, segment
from staycalm.core.errors import PortError
from staycalm.packing import file_digest, pack_directory

REFERENCE = re.compile(r"(?P<reference>.+)@(?P<digest>sha256:[0-9a-f]{64})\Z")


def find_or_ship(api: Api, service: str, artifact: str, **record: Any) -> str:
    """Return what names the release: an uploaded file or directory, a new opaque reference, or what was given.

    `record` holds the fields of SOP §2.2 (commit_sha, branch, build_id, …).
    """
    path = Path(artifact)
    if path.exists():
        return _register(api, service, _ship(api, path), None, record)
    opaque = REFERENCE.match(artifact)
    if opaque is not None:
        return _register(api, service, opaque["digest"], opaque["reference"], record)
    if "/" in artifact or artifact.startswith("."):
        raise click.UsageError(f"There is no file or directory {artifact}.")
    return artifact


def _register(api: Api, service: str, digest: str, reference: str | None, record: dict[str, Any]) -> str:
    known = {key: value for key, value in record.items() if value}
    body = {"service": service, "digest": digest, "reference": reference, **known}
    registered: dict[str, Any] = api.post("/api/v1/releases", body)
    return str(registered["id"])


def _ship(api: Api, path: Path) -> str:
    """The bytes are in the artifact store; returns their digest. Bytes it has already are not sent."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                digest, _ = file_digest(file)
            return _send(api, path, digest)
        with tempfile.NamedTemporaryFile(prefix="sc-artifact-", suffix=".tar") as packed:
            with busy(f"Packing {path}"):
                pack_directory(path, packed)
                packed.flush()
            with open(packed.name, "rb") as file:
                digest, _ = file_digest(file)
            return _send(api, Path(packed.name), digest)
    except PortError as error:
        raise click.UsageError(f"{path} cannot be an artifact: {error}.") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}.") from None


def _send(api: Api, file: Path, digest: str) -> str:
    try:
        api.head(f"/api/v1/releases/artifacts/{segment(digest)}")
    except ApiError as error:
        if error.status != 404:
            raise
        with busy(f"Sending {file.stat().st_size / 1e6:.1f} MB"):
            api.upload("/api/v1/releases/artifacts", file, digest=digest)
    return digest
