"""All settings of the server in one typed value; every section belongs to the part that reads it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and how the world calls it."""

    address: str = setting("127.0.0.1", doc="Address the web page and the API listen on.")
    port: int = setting(7700, doc="Port they listen on; 0 takes a free one and prints it.")
    public_url: str = setting(
        "", doc="How people reach this server, used in links; empty means http://ADDRESS:PORT."
    )
    certificate_file: Path | None = setting(None, doc="TLS certificate chain (PEM); empty serves plain HTTP.")
    key_file: Path | None = setting(None, doc="TLS private key (PEM).")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", doc="What the server's log holds.")


@dataclass(frozen=True)
class DatabaseSettings:
    """Which database, and how many transactions at once."""

    url: str = setting(
        "", doc="sqlite:///PATH or postgresql://USER@HOST/NAME; empty is a file in the data directory."
    )
    threads: int = setting(8, unit="threads", doc="Concurrent transactions on PostgreSQL; SQLite has one writer.")
    backups_kept: int = setting(7, unit="files", doc="Backups kept in the data directory; older ones are removed.")


@dataclass(frozen=True)
class Settings:
    """The whole configuration. `[section]` in staycalm.toml, `SC_SECTION_KEY` in the environment."""

    server: ServerSettings = dataclasses.field(default_factory=ServerSettings)
    database: DatabaseSettings = dataclasses.field(default_factory=DatabaseSettings)
