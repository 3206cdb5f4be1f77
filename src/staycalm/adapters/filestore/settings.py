"""Where the local artifact store keeps its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class FileStoreSettings:
    """`artifacts.*`."""

    directory: str = setting(
        "artifacts", doc="Directory of the artifact store; a relative path is below the data directory."
    )
