"""How processes of this machine are supervised."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class ProcessSettings:
    """`process.*`."""

    directory: str = setting(
        "processes", doc="Where revisions are unpacked and log; a relative path is below the data directory."
    )
    address: str = setting("127.0.0.1", doc="Address of this machine on which instances are given a free port.")
    inherit_environment: tuple[str, ...] = setting(
        ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
        doc="Variables of the server that a revision gets; nothing else of the server's environment leaks.",
    )
    log_max_bytes: int = setting(8_000_000, unit="bytes", doc="Size at which an instance's log file is rotated.")
    log_files: int = setting(4, doc="Log files kept per instance, the one being written included.")
    restart_first_s: float = setting(
        0.25, unit="s", doc="Wait before the first start after an exit; then doubled."
    )
    restart_max_s: float = setting(10.0, unit="s", doc="Longest wait between starts of an instance that exits.")
    restart_reset_s: float = setting(
        30.0, unit="s", doc="An instance that ran this long waits the first time again."
    )
    digest_recheck_s: float = setting(
        2.0,
        unit="s",
        doc="How long a look at the unpacked files stays valid; contents are hashed when they changed.",
    )
