"""The file in the data directory lets the local `sc` in."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from staycalm.domains.accounts.sign_in.decisions import ANYWHERE, FROM_ADDRESS, FROM_HERE, Pace, delay_after
from staycalm.domains.accounts.sign_in.local import ensure_local_token_file
from tests.conftest import drive
from tests.domains.accounts.server import Server, bearer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_is_private_and_its_token_works(server: Server, tmp_path: Path) -> None:
    path = drive(ensure_local_token_file(server.db, tmp_path))
    assert (path.name, mode(path)) == ("cli-token", 0o600)
    me = server.client().get("/api/v1/whoami", headers=bearer(path.read_text().strip())).json()
    assert (me["kind"], me["id"], me["roles"]) == ("person", "local", ["admin"])


def test_a_second_start_keeps_the_token_and_tightens_the_file(server: Server, tmp_path: Path) -> None:
    path = drive(ensure_local_token_file(server.db, tmp_path))
    first = path.read_text()
    path.chmod(0o644)
    drive(ensure_local_token_file(server.db, tmp_path))
    assert (path.read_text(), mode(path)) == (first, 0o600)


@pytest.mark.parametrize("damage", ["", "sc_pat_forged", "\x00\xff"])
def test_a_damaged_file_is_replaced_and_the_older_token_is_dead(
    server: Server, tmp_path: Path, damage: str
) -> None:
    path = drive(ensure_local_token_file(server.db, tmp_path))
    old = path.read_text().strip()
    path.write_text(damage)
    drive(ensure_local_token_file(server.db, tmp_path))
    assert path.read_text().strip() != old
    client = server.client()
    assert client.get("/api/v1/whoami", headers=bearer(path.read_text().strip())).status_code == 200
    assert client.get("/api/v1/whoami", headers=bearer(old)).status_code == 401


def test_another_data_directory_has_its_own_token(server: Server, tmp_path: Path) -> None:
    tokens = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tokens.append(drive(ensure_local_token_file(server.db, tmp_path / name)).read_text().strip())
    for token in tokens:
        assert server.client().get("/api/v1/whoami", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("pace", [FROM_HERE, FROM_ADDRESS, ANYWHERE])
def test_delays_never_shrink_and_have_an_end(pace: Pace) -> None:
    delays = [delay_after(count, pace) for count in range(1000)]
    assert delays == sorted(delays) and delays[-1] == pace.longest_s
    assert delays[pace.free - 1] == 0 and delays[pace.free] == 1


def test_passwords_are_argon2id_and_nobodys_never_match(server: Server) -> None:
    async def look() -> tuple[str, bool, bool, bool]:
        stored = await server.passwords.hash("a long password")
        return (
            stored,
            await server.passwords.verify(stored, "a long password"),
            await server.passwords.verify(stored, "another"),
            await server.passwords.verify(None, "nobody has this password"),
        )

    stored, right, wrong, nobody = asyncio.run(look())
    assert stored.startswith("$argon2id$") and (right, wrong, nobody) == (True, False, False)
