"""The arguments of `sc up`, `sc down` and `sc backup restore`, as the server's process takes them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from staycalm.app.ending import end_everything
from staycalm.app.server import restore, serve
from staycalm.core.errors import StayCalmError
from staycalm.kit.directory import DataDirectory


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns 0 after a clean stop, 1 after a refusal said in one sentence."""
    parser = argparse.ArgumentParser(prog="sc up", description="Run the StayCalm server.")
    parser.add_argument("command", choices=["up", "restore", "down"], nargs="?", default="up")
    parser.add_argument("file", nargs="?", type=Path, help="backup to restore")
    parser.add_argument("--data", type=Path, default=DataDirectory.default(), help="data directory")
    parser.add_argument("--settings", type=Path, default=None, help="settings file (default: DATA/staycalm.toml)")
    parser.add_argument("--log-format", choices=["auto", "text", "json"], default="auto", help="auto: by terminal")
    arguments = parser.parse_args()
    try:
        directory = DataDirectory(arguments.data.resolve())
        if arguments.command == "restore":
            if arguments.file is None:
                parser.error("restore needs the backup's file")
            print(restore(directory, arguments.settings, arguments.file))  # noqa: T201
        elif arguments.command == "down":
            print(end_everything(directory, arguments.settings))  # noqa: T201
        else:
            is_plain = arguments.log_format == "text" or (arguments.log_format == "auto" and sys.stderr.isatty())
            serve(directory, arguments.settings, is_plain=is_plain)
    except StayCalmError as error:
        print(f"sc {arguments.command}: {error.message}\n{error.next_step}".rstrip(), file=sys.stderr)  # noqa: T201
        return 1
    return 0
