"""What an attacker tries through a browser or with a token, on the whole application in this process."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.routing import Route

from staycalm.app.console import PlainFormatter
from staycalm.app.openapi import permissions
from staycalm.core.actor import SYSTEM
from staycalm.core.errors import Invalid
from staycalm.domains.accounts.links import accept_invitation
from staycalm.domains.accounts.public import invite
from staycalm.domains.accounts.sign_in.decisions import neighbourhood
from staycalm.domains.accounts.sign_in.queries import find_credentials
from staycalm.domains.accounts.sign_in.tries import await_turn
from staycalm.kit.database.log import after
from staycalm.kit.database.tables import metadata
from staycalm.kit.live import MOST_STREAMS, LiveHub, Watcher
from staycalm.kit.logs import JsonFormatter
from tests.api.application import NOBODY, Asked, running
from tests.api.test_every_route import API
from tests.conftest import Write
from tests.security.fuzzing import without_pauses

PASSWORD = "correct horse battery"
HERE = "http://127.0.0.1:7700"
GETS = sorted({path for method, path in permissions(API.routes) if method == "get"} - {"/live"})
PAGES = [path for path in GETS if not path.startswith(("/api/", "/metrics", "/health"))]
EVIL = "evil.example"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with running(tmp_path_factory.mktemp("defended")) as found:
        without_pauses(found)
        database = found.application.database
        link = found.runner.run(
            database.write(invite, SYSTEM, handle="ada", name="Ada", email="ada@example.org", roles=["admin"])
        )
        hashed = found.runner.run(_passwords(found).hash(PASSWORD))
        found.runner.run(database.write(accept_invitation, link.path.rpartition("/")[2], hashed))
        yield found


def _passwords(asked: Asked) -> Any:
    inner: Any = asked.application.asgi
    while not hasattr(inner, "state"):
        inner = inner._app
    return inner.state.accounts.passwords


@pytest.fixture(scope="module")
def cookie(asked: Asked) -> str:
    """The session cookie of somebody signed in: tries are slowed by address, so it is asked for once."""
    return str(log_in(asked, "ada").headers["set-cookie"].partition(";")[0])


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "INC-1", path)


def log_in(asked: Asked, handle: str, password: str = PASSWORD, **headers: str) -> Any:
    form = {"handle": handle, "password": password}
    asked.client.cookies.clear()
    answer = asked.ask(NOBODY, "POST", "/login", data=form, headers={"Origin": HERE, **headers})
    asked.client.cookies.clear()
    return answer


@pytest.mark.parametrize("path", PAGES)
def test_no_page_repeats_the_host_it_was_asked_by(asked: Asked, path: str) -> None:
    for headers in ({"Host": EVIL}, {"X-Forwarded-Host": EVIL}, {"Forwarded": f"host={EVIL}"}):
        answer = asked.ask("admin", "GET", filled(path), headers={"Accept": "text/html", **headers})
        assert EVIL not in answer.text + str(answer.headers), path


def test_a_path_with_a_slash_too_many_leads_to_nobody_else(asked: Asked) -> None:
    for path in ("/incidents/", "//evil.example/%2e%2e", "/deployments/"):
        answer = asked.ask("admin", "GET", path, headers={"Host": EVIL})
        assert EVIL not in answer.headers.get("location", ""), path


@pytest.mark.parametrize("path", GETS)
def test_every_answer_has_the_headers_that_hold_a_browser_back(asked: Asked, path: str) -> None:
    for who in (NOBODY, "admin"):
        headers = asked.ask(who, "GET", filled(path), params={"wait": "nothing"}).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] in ("same-origin", "no-referrer")
        assert "access-control-allow-origin" not in headers


def rows(asked: Asked) -> dict[str, int]:
    """Return how many rows each table has; who was seen when may be noted by looking."""

    def count(tx: Any) -> dict[str, int]:
        return {t.name: tx.scalar(sa.select(sa.func.count()).select_from(t)) for t in metadata.sorted_tables}

    return asked.runner.run(asked.application.database.read(count))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing_so_a_mail_scanner_acknowledges_nothing(asked: Asked, method: str) -> None:
    before = rows(asked)
    for path in GETS:
        asked.ask("admin", method, filled(path), headers={"Accept": "text/html"})
    assert rows(asked) == before


WRITING_PAGES = sorted(
    {
        route.path
        for route in API.routes
        if isinstance(route, Route) and "POST" in (route.methods or ()) and not route.path.startswith("/api/")
    }
    - {"/ack/{token}", "/digest/stop/{token}"}
)
"""Without those whose address is the permission: no cookie has a part in them."""


@pytest.mark.parametrize("path", WRITING_PAGES)
def test_no_form_can_be_sent_from_another_site(asked: Asked, cookie: str, path: str) -> None:
    for headers in ({"Origin": f"https://{EVIL}"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        answer = asked.ask(
            NOBODY, "POST", filled(path), data={"text": "x", "handle": "ada", "password": PASSWORD, "name": "x",
                                                "email": "a@example.org"},
            headers={"Cookie": cookie, **headers},
        )  # fmt: skip
        # What a form lacks is told before who sent it is asked; nothing is done either way.
        assert answer.status_code in (403, 422), (path, headers, answer.status_code)


def test_a_session_that_was_planted_is_not_taken_over(asked: Asked) -> None:
    answer = log_in(asked, "ada", Cookie="sc_session=sc_ses_planted")
    new = answer.headers["set-cookie"].partition(";")[0]
    assert new.startswith("sc_session=sc_ses_") and "planted" not in new
    assert (
        asked.ask(NOBODY, "GET", "/api/v1/whoami", headers={"Cookie": "sc_session=sc_ses_planted"}).status_code
        == 401
    )
    assert asked.ask(NOBODY, "GET", "/api/v1/whoami", headers={"Cookie": new}).json()["id"] == "ada"


def test_a_session_is_no_token_and_a_token_is_no_session(asked: Asked, cookie: str) -> None:
    session = cookie.partition("=")[2]
    as_token = asked.ask(NOBODY, "GET", "/api/v1/whoami", headers={"Authorization": f"Bearer {session}"})
    as_session = asked.ask(
        NOBODY, "GET", "/api/v1/whoami", headers={"Cookie": f"sc_session={asked.tokens['admin']}"}
    )
    assert (as_token.status_code, as_session.status_code) == (401, 401)


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}", "?authorization=Bearer%20{}"])
def test_a_token_in_an_address_opens_nothing(asked: Asked, place: str) -> None:
    address = "/api/v1/deployments" + place.format(asked.tokens["admin"])
    assert asked.ask(NOBODY, "GET", address).status_code == 401


@pytest.mark.parametrize(
    "handle", ["ADA", "ada\u200b", "\uff41da", "ada\x00", "ad\u0430", "ada\u0301", "ada%", "ad_", "ada' or '1'='1"]
)
def test_a_name_that_only_looks_like_one_is_another(asked: Asked, handle: str) -> None:
    assert log_in(asked, handle).status_code in (401, 422)


def test_a_name_that_is_not_there_is_answered_like_one_that_is(asked: Asked) -> None:
    known, unknown = (log_in(asked, handle, "wrong") for handle in ("ada", "nobody-here"))
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("ada", "X") == unknown.text.replace("nobody-here", "X")


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"), ("2001:db8::ffff:1", "2001:db8::/64"),
     ("::ffff:192.0.2.7", "192.0.2.7"), ("fe80::1%eth0", "fe80::/64"), ("unknown", "unknown")],
)  # fmt: skip
def test_all_of_an_ipv6_network_is_one_guesser(address: str, counts_as: str) -> None:
    assert neighbourhood(address) == counts_as


def test_guessing_from_ever_new_ipv6_addresses_is_slowed(write: Write) -> None:
    waits = [write(await_turn, f"someone-{n}", f"2001:db8::{n:x}") for n in range(24)]
    assert waits[:20] == [0] * 20 and waits[23] > 0


@pytest.mark.parametrize("handle", ["a\x00b", "\x00"])
def test_a_nul_character_is_nobody_or_refused_in_words(read: Write, handle: str) -> None:
    with contextlib.suppress(Invalid):  # PostgreSQL has no form for it
        assert read(find_credentials, handle) is None


def test_a_number_no_database_holds_is_refused_in_words(read: Write) -> None:
    with pytest.raises(Invalid, match="cannot be stored"):
        read(after, 2**70)


def test_one_log_in_cannot_take_every_live_stream() -> None:
    hub = LiveHub({})
    for _ in range(MOST_STREAMS):
        assert hub.may_open("greedy")
        hub._watchers.add(Watcher(frozenset(), "greedy"))
    assert not hub.may_open("greedy")
    assert hub.may_open("somebody-else")


def test_a_topic_cannot_write_events_of_its_own() -> None:
    async def draw(_key: str) -> str:
        return ""

    assert LiveHub({"DEP": draw}).known(["DEP:1", "DEP:1\nevent: overview", "DEP:\r\ndata: x"]) == {"DEP:1"}


UPWARDS = (
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2fcli-token",
    "....%2f%2fetc%2fpasswd",
    "..%5c..%5ccli-token",
    "%00",
)


@pytest.mark.parametrize("name", UPWARDS)
@pytest.mark.parametrize(
    "place",
    ["/static/{}", "/static/css/{}", "/api/v1/backups/{}", "/api/v1/deployments/revisions/{}/logs",
     "/api/v1/releases/{}", "/api/v1/incidents/{}/report"],
)  # fmt: skip
def test_no_name_leads_to_a_file_that_was_not_meant(asked: Asked, place: str, name: str) -> None:
    answer = asked.ask("admin", "GET", place.format(name))
    assert answer.status_code in (400, 404, 405, 422)
    assert "root:" not in answer.text and "sc_pat_" not in answer.text


def test_only_backups_can_be_fetched_as_backups(asked: Asked) -> None:
    folder = asked.application.directory.folder("backups")
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("not a backup")
    assert asked.ask("admin", "GET", "/api/v1/backups/notes.txt").status_code == 404


HOSTILE_WORDS = 'a\n{"level": "forged"}\r\x1b[2J\x9b2J\u2028b'


def test_log_lines_stay_lines_and_steer_no_terminal() -> None:
    record = logging.makeLogRecord(
        {"msg": HOSTILE_WORDS, "path": HOSTILE_WORDS, "levelname": "INFO", "levelno": 20}
    )
    line = JsonFormatter().format(record)
    assert line.splitlines() == [line] and not set(line) & set("\x1b\x9b")
    assert json.loads(line)["message"] == HOSTILE_WORDS and json.loads(line)["level"] == "info"
    assert len(PlainFormatter().format(record).splitlines()) == 1
