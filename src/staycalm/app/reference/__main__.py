"""`python -m staycalm.app.reference`: writes openapi.json and docs/reference; `--check` only compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import staycalm
from staycalm.app.reference.files import files


def main() -> int:
    """Write what differs; with --check write nothing and return 1 when something does."""
    parser = argparse.ArgumentParser(prog="python -m staycalm.app.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something is old")
    parser.add_argument("--root", type=Path, default=Path(staycalm.__file__).parents[2], help="repository")
    arguments = parser.parse_args()
    old = []
    for name, text in files().items():
        file = arguments.root / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        old.append(name)
        if not arguments.check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for name in old:
        sys.stdout.write(f"{'out of date' if arguments.check else 'wrote'}: {name}\n")
    return 1 if old and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
