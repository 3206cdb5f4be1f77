"""The prober against real listeners and real processes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from staycalm.adapters.probes import LocalHost, LocalProber
from staycalm.kit.clock import SystemClock
from staycalm.kit.database import Database
from staycalm.kit.ids import Ids
from staycalm.ports.probes import Probe, ProbeResult
from tests.ports import free_port


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang":
            self.server.gate.wait(20)  # type: ignore[attr-defined]
        status = {"/health": 200, "/moved": 302, "/broken": 500, "/teapot": 418}.get(self.path, 404)
        if self.path == "/host":
            status = 200 if self.headers["Host"] == "green.shop.example" else 421
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status == 302:
            self.send_header("Location", "/broken")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class _Roomy(ThreadingHTTPServer):
    """Takes as many connections at once as a test opens; the library's backlog of 5 drops the rest."""

    request_queue_size = 128


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    server = _Roomy(("127.0.0.1", 0), _Shop)
    server.gate = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.gate.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def looked(probe: Probe, commands: dict[str, tuple[str, ...]] | None = None) -> ProbeResult:
    async def look() -> ProbeResult:
        prober = LocalProber(SystemClock(), commands=commands)
        try:
            return await prober.look(probe)
        finally:
            await prober.close()

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("path", "expected", "ok", "detail"),
    [
        ("/health", None, True, "HTTP 200"),
        ("/moved", None, True, "HTTP 302"),
        ("/broken", None, False, "HTTP 500"),
        ("/absent", None, False, "HTTP 404"),
        ("/teapot", 418, True, "HTTP 418, expected 418"),
        ("/health", 204, False, "HTTP 200, expected 204"),
    ],
)
def test_an_http_probe_judges_the_status(
    shop: str, path: str, expected: int | None, ok: bool, detail: str
) -> None:
    seen = looked(Probe("http", f"http://{shop}{path}", expect_status=expected))
    assert (seen.ok, seen.detail) == (ok, detail)
    assert seen.took_s >= 0


def test_an_http_probe_reaches_a_virtual_host_by_address(shop: str) -> None:
    assert looked(Probe("http", f"http://{shop}/host", host_header="green.shop.example")).ok
    assert not looked(Probe("http", f"http://{shop}/host")).ok


def test_an_answer_that_never_comes_is_a_failure_within_the_timeout(shop: str) -> None:
    seen = looked(Probe("http", f"http://{shop}/hang", timeout_s=0.2))
    assert (seen.ok, seen.detail) == (False, "no answer within 0.2 s")


@pytest.mark.parametrize(
    ("target", "detail"),
    [
        ("not a url", "the address is not a URL"),
        ("http://127.0.0.1:{free}/", "connection refused"),
        ("https://{shop}/health", "the connection broke"),
    ],
)
def test_an_http_probe_that_cannot_run_is_not_ok_and_says_why(shop: str, target: str, detail: str) -> None:
    seen = looked(Probe("http", target.format(free=free_port(), shop=shop)))
    assert not seen.ok
    assert detail in seen.detail or "record layer" in seen.detail.lower() or "SSL" in seen.detail


def test_a_secret_in_a_url_does_not_reach_the_detail() -> None:
    seen = looked(Probe("http", f"http://watch:hunter2@127.0.0.1:{free_port()}/?token=hunter2"))
    assert not seen.ok
    assert "hunter2" not in seen.detail


@pytest.mark.parametrize(
    ("target", "ok", "detail"),
    [
        ("{shop}", True, "accepts connections"),
        ("127.0.0.1:{free}", False, "connection refused"),
        ("no-port", False, "'no-port' is not HOST:PORT"),
        ("127.0.0.1:99999", False, "'127.0.0.1:99999' is not HOST:PORT"),
    ],
)
def test_a_tcp_probe_connects(shop: str, target: str, ok: bool, detail: str) -> None:
    seen = looked(Probe("tcp", target.format(shop=shop, free=free_port())))
    assert (seen.ok, seen.detail) == (ok, detail)


@pytest.mark.parametrize(
    ("program", "ok", "detail"),
    [
        (
            "print('noise'); print('3 orders without a customer'); raise SystemExit(4)",
            False,
            "exit status 4: 3 orders",
        ),
        ("print('all rows match')", True, "ok: all rows match"),
        ("pass", True, "ok"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", False, "killed by signal 15"),
        ("print('x' * 1000000)", True, "ok: xxx"),
        ("import sys; sys.stderr.write('password=hunter2'); sys.exit(1)", False, "exit status 1"),
    ],
)
def test_a_command_probe_judges_the_exit_status(program: str, ok: bool, detail: str) -> None:
    seen = looked(Probe("command", command=("check",)), {"check": (sys.executable, "-c", program)})
    assert seen.ok is ok
    assert seen.detail.startswith(detail)
    assert "hunter2" not in seen.detail
    assert len(seen.detail) <= 240


def test_a_command_that_the_settings_do_not_name_never_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    seen = looked(Probe("command", command=("touch", str(mark))), {"check": ("true",)})
    assert not seen.ok
    assert "probes.commands" in seen.detail
    assert not mark.exists()


def test_a_command_does_not_see_the_servers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SC_TOKEN", "hunter2")
    program = "import os; print(os.environ.get('SC_TOKEN', 'nothing'))"
    seen = looked(Probe("command", command=("check",)), {"check": (sys.executable, "-c", program)})
    assert seen.detail == "ok: nothing"


def test_a_command_over_its_timeout_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! > {pids}.new; mv {pids}.new {pids}; sleep 60"
    for timeout_s in (0.5, 2.5, 12.5):  # until it was long enough for the command to begin
        seen = looked(Probe("command", command=("slow",), timeout_s=timeout_s), {"slow": ("sh", "-c", script)})
        assert (seen.ok, seen.detail) == (False, f"no answer within {timeout_s} s")
        if pids.exists():
            break
    assert _ends(int(pids.read_text()))


def test_a_background_child_does_not_outlive_a_command_that_ended(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 >/dev/null & echo $! > {pids}"
    assert looked(Probe("command", command=("fork",)), {"fork": ("sh", "-c", script)}).ok
    assert _ends(int(pids.read_text()))


def test_fifty_looks_at_once_do_not_disturb_each_other(shop: str) -> None:
    async def all_of_them(look: Callable[[Probe], Awaitable[ProbeResult]]) -> list[ProbeResult]:
        return list(await asyncio.gather(*(look(Probe("http", f"http://{shop}/health")) for _ in range(50))))

    async def run() -> list[ProbeResult]:
        prober = LocalProber(SystemClock())
        try:
            return await all_of_them(prober.look)
        finally:
            await prober.close()

    assert [seen.detail for seen in asyncio.run(run()) if not seen.ok] == []


def _ends(pid: int) -> bool:
    """Wait until the process is gone, or only a zombie that init has not collected yet."""
    deadline = SystemClock().monotonic() + 60
    while SystemClock().monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        threading.Event().wait(0.02)
    return False


@pytest.fixture
def orders(tmp_path: Path) -> str:
    file = tmp_path / "orders.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, customer TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, ?)", [(1, "ada"), (2, None), (3, None)])
    return f"sqlite:///{file}"


@pytest.mark.parametrize(
    ("sql", "ok", "detail"),
    [
        ("SELECT * FROM orders WHERE id > 9", True, "no row"),
        ("SELECT * FROM orders WHERE customer IS NULL", False, "2 rows where there must be none"),
        ("SELECT * FROM nowhere", False, "the database says: no such table: nowhere"),
        ("SELECT", False, "the database says: "),
        ("DELETE FROM orders", False, "the database says: attempt to write a readonly database"),
    ],
)
def test_an_sql_probe_is_well_when_no_row_comes_back(orders: str, sql: str, ok: bool, detail: str) -> None:
    seen = looked(Probe("sql", orders, sql=sql))
    assert seen.ok is ok
    assert seen.detail.startswith(detail)


def test_an_sql_probe_that_takes_too_long_is_ended(orders: str) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 0"
    seen = looked(Probe("sql", orders, sql=endless, timeout_s=0.5))
    assert not seen.ok
    assert seen.detail in ("no answer within 0.5 s", "the database says: interrupted")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("mysql://root:hunter2@db/shop", "not one of sqlite or postgresql"),
        ("hunter2", "not one of sqlite or postgresql"),
        ("postgresql://shop:${env:SC_TEST_NOT_THERE}@db/shop", "not there"),
        ("postgresql://shop:${file:/nowhere/hunter2}@db/shop", "not there"),
        ("postgresql://shop:hunter2@127.0.0.1:1/shop", "the database says"),
    ],
)
def test_an_sql_probe_that_cannot_be_asked_says_why_without_its_secret(url: str, words: str) -> None:
    seen = looked(Probe("sql", url, sql="SELECT 1"))
    assert not seen.ok
    assert words in seen.detail
    assert "hunter2" not in seen.detail


@pytest.mark.postgres
def test_an_sql_probe_asks_postgresql_read_only_and_within_its_time() -> None:
    server = os.environ.get("SC_TEST_POSTGRES")
    if server is None:
        pytest.skip("needs PostgreSQL")
    assert looked(Probe("sql", server, sql="SELECT 1 WHERE false")).detail == "no row"
    assert looked(Probe("sql", server, sql="SELECT generate_series(1, 3)")).detail.startswith("3 rows")
    assert "read-only" in looked(Probe("sql", server, sql="CREATE TABLE mine (x int)")).detail
    slow = looked(Probe("sql", server, sql="SELECT pg_sleep(30)", timeout_s=1.0))
    assert slow.detail in (
        "no answer within 1 s",
        "the database says: canceling statement due to statement timeout",
    )


def test_the_host_tells_of_its_version_database_and_disk(tmp_path: Path) -> None:
    clock = SystemClock()
    database = Database("sqlite://", clock, Ids(clock), inline=True)
    try:
        found = asyncio.run(LocalHost(database, tmp_path).findings())
        assert [f.name for f in found] == ["StayCalm", "database", "disk"]
        assert found[1].detail.startswith("SQLite answers in ")
        lost = asyncio.run(LocalHost(database, tmp_path / "nowhere").findings())
        assert lost[2].status == "unknown"
    finally:
        database.close()
