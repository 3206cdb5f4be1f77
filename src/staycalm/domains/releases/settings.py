"""Settings of the section `releases`."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class ReleasesSettings:
    """How artifacts come in."""

    upload_limit_bytes: int = setting(
        2 * 1024**3, unit="bytes", doc="A larger upload is refused and leaves nothing behind."
    )
