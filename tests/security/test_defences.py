"""What an attacker tries through a browser or with a token, on the whole application in this process."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import argon2
import pytest
import sqlalchemy as sa
from starlette.routing import Route

from staycalm.app.console import PlainFormatter
from staycalm.app.openapi import permissions
from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Invalid
from staycalm.domains.accounts.links import accept_invitation
from staycalm.domains.accounts.public import invite
from staycalm.domains.accounts.sign_in.decisions import neighbourhood
from staycalm.domains.accounts.sign_in.passwords import Passwords
from staycalm.domains.accounts.sign_in.queries import find_credentials
from staycalm.domains.accounts.sign_in.tries import await_turn
from staycalm.domains.oncall.feeds.service import add_feed
from staycalm.domains.oncall.notifications.service import make_link
from staycalm.domains.oncall.public import start_escalation
from staycalm.kit.database import Tx
from staycalm.kit.database.log import after
from staycalm.kit.database.tables import metadata
from staycalm.kit.live import MOST_STREAMS, LiveHub, Watcher
from staycalm.kit.logs import JsonFormatter
from tests.api.application import NOBODY, Asked, running
from tests.api.test_every_route import API
from tests.conftest import Write
from tests.security.fuzzing import without_pauses

PASSWORD = "correct horse battery"
PATIENCE_S = 60.0
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
        hashed = found.runner.run(_state(found).accounts.passwords.hash(PASSWORD))
        found.runner.run(database.write(accept_invitation, link.path.rpartition("/")[2], hashed))
        yield found


def _state(asked: Asked) -> Any:
    inner: Any = asked.application.asgi
    while not hasattr(inner, "state"):
        inner = inner._app
    return inner.state


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


def test_an_address_that_is_handed_out_begins_with_the_servers_own(asked: Asked) -> None:
    for headers in ({"Host": EVIL}, {"X-Forwarded-Host": EVIL}, {"Forwarded": f"host={EVIL}"}):
        told = asked.ask("admin", "POST", "/api/v1/oncall/feeds", json={}, headers=headers)
        assert told.status_code == 201 and EVIL not in told.text + str(told.headers)
        assert told.json()["url"].startswith(f"{asked.application.url}/calendar/")


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


LINKS = {
    "/ack/{token}": "data-ack=\"ready", "/digest/stop/{token}": "</form>", "/invitation/{code}": "dana",
    "/calendar/{token}.ics": "BEGIN:VCALENDAR",
}  # fmt: skip
"""The pages whose address is a permission, and what a good one shows. /set-up is none once somebody is there."""


@pytest.fixture(scope="module")
def addresses(asked: Asked) -> dict[str, str]:
    """Every address to look at; those that are a permission are good ones."""
    policy = "escalation_policies: {default: {steps: [{page: person ada, wait: 5m}]}}"
    text = "organisation: {name: Acme, escalation_policy: default}\n" + policy
    assert asked.ask("admin", "POST", "/api/v1/catalog/apply", json={"text": text}).is_success
    asked.ask("admin", "POST", "/api/v1/incidents", json={"title": "Down", "priority": "P2"})
    return {path: filled(path) for path in GETS} | asked.runner.run(asked.application.database.write(_links))


def _links(tx: Tx) -> dict[str, str]:
    paged: dict[str, Any] = {"policy": None, "service": None, "environment": None, "priority": "P0"}
    escalation = start_escalation(tx, SYSTEM, subject="INC-9", title="Down", url_path="/incidents/INC-9", **paged)
    assert escalation is not None
    link: dict[str, Any] = {"subject": "INC-9", "notification": "n", "person": "ada", "valid_s": 3600.0}
    invited = invite(tx, SYSTEM, handle="dana", name="Dana", email="dana@example.org", roles=["admin"])
    assert invited is not None
    return {
        "/ack/{token}": "/ack/" + make_link(tx, purpose="acknowledge", escalation=escalation.id, **link),
        "/digest/stop/{token}": "/digest/stop/" + make_link(tx, purpose="digest", escalation="", **link),
        "/invitation/{code}": invited.path,
        "/calendar/{token}.ics": add_feed(tx, Actor("person", "ada"), schedule=None).path,
    }


def contents(asked: Asked) -> dict[str, list[Any]]:
    """Return all that the database holds but who was seen when, which may be noted by looking."""

    def read(tx: Any) -> dict[str, list[Any]]:
        kept = {t: [c for c in t.columns if c.name not in SEEN] for t in metadata.sorted_tables}
        return {t.name: sorted(map(repr, tx.rows(sa.select(*columns)))) for t, columns in kept.items()}

    return asked.runner.run(asked.application.database.read(read))


SEEN = ("last_used_at", "last_seen_at")


@pytest.mark.parametrize("path", LINKS)
def test_the_links_that_are_looked_at_are_good_ones(asked: Asked, addresses: dict[str, str], path: str) -> None:
    answer = asked.ask(NOBODY, "GET", addresses[path], headers={"Accept": "text/html"})
    assert answer.status_code == 200 and LINKS[path] in answer.text, answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing_so_a_mail_scanner_acknowledges_nothing(
    asked: Asked, addresses: dict[str, str], method: str
) -> None:
    before = contents(asked)
    for path in GETS:
        asked.ask("admin", method, addresses[path], headers={"Accept": "text/html"}, params={"wait": "nothing"})
        if path in LINKS:
            asked.ask(NOBODY, method, addresses[path], headers={"Accept": "text/html"})
    assert contents(asked) == before


WRITING_PAGES = sorted(
    {
        route.path
        for route in API.routes
        if isinstance(route, Route) and "POST" in (route.methods or ()) and not route.path.startswith("/api/")
    }
    - {"/ack/{token}", "/digest/stop/{token}"}
)
"""Without those whose address is the permission: no cookie has a part in them."""


FORM = {
    "text": "x", "title": "x", "reason": "x", "what": "x", "name": "x", "handle": "ada", "person": "ada",
    "owner": "ada", "password": PASSWORD, "old": PASSWORD, "new": PASSWORD + "!", "email": "a@example.org",
    "address": "a@example.org", "kind": "email", "action": "resolve", "priority": "P1", "role": "primary",
    "lasts": "1h", "matchers": "service=shop", "ids": "SIL-1", "places": "1", "version": "1", "at": "08:00",
    "due_on": "2099-01-01", "ends_at": "2099-01-01T05:00", "first": "2099-01-01T00:00:00Z",
    "second": "2099-01-08T00:00:00Z",
}  # fmt: skip
"""What some form asks for; the others pass over it."""
FORMS = dict.fromkeys(WRITING_PAGES, FORM) | {
    path: FORM | {"role": role}
    for path, role in {
        "/incidents/{name}/roles": "commander", "/people": "support", "/people/{handle}/roles": "support",
        "/settings/tokens": "support",
    }.items()
}  # fmt: skip


@pytest.mark.parametrize("path", WRITING_PAGES)
def test_no_form_can_be_sent_from_another_site(asked: Asked, cookie: str, path: str) -> None:
    for headers in ({"Origin": f"https://{EVIL}"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        answer = asked.ask(NOBODY, "POST", filled(path), data=FORMS[path], headers={"Cookie": cookie, **headers})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin"), (path, headers, answer.text)


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


class Counting(argon2.PasswordHasher):
    """Remembers what each whole computation cost: a hash that cannot be read costs none."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: list[argon2.Parameters] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        try:
            return super().verify(hash, password)
        except argon2.exceptions.VerifyMismatchError:
            self.costs.append(argon2.extract_parameters(str(hash)))
            raise


def test_checking_a_name_that_is_not_there_costs_what_checking_any_costs(asked: Asked) -> None:
    state, hasher = _state(asked), Counting()
    before, passwords = state.accounts, Passwords(hasher)
    state.accounts = dataclasses.replace(before, passwords=passwords)
    try:
        for handle in ("ada", "nobody-here"):
            assert log_in(asked, handle, "wrong").status_code == 401
    finally:
        state.accounts = before
        passwords.close()
    known, unknown = hasher.costs
    assert known == unknown


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


def test_one_log_in_cannot_take_every_live_stream(asked: Asked) -> None:
    hub = asked.application.live
    (greedy,) = (each["id"] for each in asked.ask("admin", "GET", "/api/v1/tokens").json()["items"])
    taken = {Watcher(frozenset(), greedy) for _ in range(MOST_STREAMS)}
    assert hub.may_open(greedy)
    hub._watchers |= taken
    try:
        # A stream that is opened has no end.
        opening = asked.client.get(
            "/live?topic=overview", headers={"Authorization": f"Bearer {asked.tokens['admin']}"}
        )
        answer = asked.runner.run(asyncio.wait_for(opening, PATIENCE_S))
        assert (answer.status_code, answer.json()["code"]) == (503, "too-many-streams")
        assert hub.may_open("somebody-else")
    finally:
        hub._watchers -= taken


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


SECRETS = {
    **{f"a {kind}": f"sc_{kind}_Zx9-secret_Zx9" for kind in ("pat", "ses", "ack", "inv", "set", "cal")},
    "a password": "password=Zx9-secret", "a quoted password": "{'password': 'Zx9-secret'}",
    "a password in JSON": '{"smtp_password": "Zx9-secret"}', "a secret": "secret: Zx9-secret",
    "a token": "token=Zx9-secret", "a header": "Authorization: Bearer Zx9-secret",
    "a header of another kind": "authorization: Basic Zx9-secret",
}  # fmt: skip


@pytest.mark.parametrize("form", [JsonFormatter, PlainFormatter])
@pytest.mark.parametrize("what", SECRETS)
def test_what_looks_like_a_secret_is_blanked_in_the_log(what: str, form: type[logging.Formatter]) -> None:
    logger, written = logging.Logger("staycalm.test"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(form())
    logger.addHandler(handler)
    secret = SECRETS[what]
    logger.warning(f"asked with {secret} twice")
    logger.warning("asked with %s", secret, extra={"path": f"/x?{secret}", "said": {"nested": secret}})
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("it failed")
    assert "Zx9" not in written.getvalue() and written.getvalue().count("***") >= 3


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//evil.example", " javascript:x"],
)
def test_a_runbook_is_an_address_in_the_web_or_no_link(asked: Asked, address: str) -> None:
    for place in ("labels", "details"):
        for url in (address, "https://calm.example/runbook"):
            body = {"summary": url, "dedup_key": f"{place} {url}", place: {"runbook_url": url}}
            alert = asked.ask("admin", "POST", "/api/v1/alerts", json=body)
            group = alert.json()["group"]
            page = asked.ask("admin", "GET", f"/alerts/{group}", headers={"Accept": "text/html"}).text
            links = re.findall(r'href="\s*([^"]*)"', page)
            assert (url in links) == url.startswith("https:"), links
    service = {"title": "Shop", "runbook_url": address}
    assert asked.ask("admin", "PUT", "/api/v1/catalog/services/shop", json=service).status_code == 422
    file = f"services:\n  shop: {{title: Shop, runbook: {json.dumps(address)}}}\n"
    plan = asked.ask("admin", "POST", "/api/v1/catalog/plan", json={"text": file})
    assert plan.status_code == 422 and "is not a web address" in plan.text
