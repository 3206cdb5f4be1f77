"""A throw-away PostgreSQL that keeps what it commits (fsync is on), for one run of the benchmarks."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs, looking where Debian hides them; None where there are none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    program = found[-1] if found else shutil.which("postgres")
    return None if program is None else Path(program).resolve().parent


@contextmanager
def postgres() -> Iterator[str | None]:
    """A server on a unix socket runs; yields its URL, or None where PostgreSQL is not installed."""
    binaries = find_postgres()
    if binaries is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="sc-bench-postgres-")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)

    def control(*command: str) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environment)

    data, options = f"{folder}/data", f"-k {folder} -h '' -c max_connections=200 -c shared_buffers=128MB"
    try:
        control(str(binaries / "initdb"), "-D", data, "-U", "staycalm", "-A", "trust", "--no-sync")
        control(str(binaries / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start")
        yield f"postgresql://staycalm@/postgres?host={folder}"
    finally:
        subprocess.run(
            [str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop"],
            user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_database(server: str, name: str) -> Iterator[str]:
    """An empty database of this name exists on the server until the end; yields its URL."""
    admin = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    try:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield sa.make_url(server).set(database=name).render_as_string(False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.dispose()
