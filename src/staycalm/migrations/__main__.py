"""`python -m staycalm.migrations "What changes"`: the next step of the schema's history, as a draft to read.

The step is what the declared tables have and the history does not. With `--from-nothing` the history is
written anew as one first step; that is right only before the first release.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import staycalm.app.tables  # noqa: F401 - declares every domain's tables
from staycalm.kit.database import history, steps
from staycalm.kit.database.tables import metadata

VERSIONS = Path(__file__).parent / "versions"


def write_step(what: str) -> Path | None:
    """Return the new step's file, formatted; None when the history leads to the declared tables already."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        config = steps.configuration(connection)
        command.upgrade(config, "head")
        if not compare_metadata(MigrationContext.configure(connection), metadata):
            return None
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        number = len(history.known_revisions()) + 1
        step = command.revision(config, message=what, autogenerate=True, rev_id=f"{number:04d}")
    engine.dispose()
    assert step is not None and not isinstance(step, list)
    file = Path(step.path)
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "F401,I", "--fix", "--quiet", str(file)], check=True
    )
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(file)], check=True)
    return file


def main() -> int:
    """Write the step and name its file; 1 when there is nothing to write."""
    parser = argparse.ArgumentParser(prog="python -m staycalm.migrations", description=__doc__)
    parser.add_argument("what", help="what changes, as a sentence, such as 'Remember who muted an alert'")
    parser.add_argument("--from-nothing", action="store_true", help="write the whole history anew")
    arguments = parser.parse_args()
    if arguments.from_nothing:
        for old in VERSIONS.glob("*.py"):
            old.unlink()
    file = write_step(arguments.what)
    print(file or "The history leads to the declared tables already.")  # noqa: T201
    return 0 if file else 1


if __name__ == "__main__":
    sys.exit(main())
