"""One's own settings: tokens, sessions, look, zone and password, as plain forms, with hostile names too."""

from __future__ import annotations

import re

import pytest

from staycalm.domains.accounts import links, queries, service
from staycalm.domains.accounts.sign_in.devices import device
from tests.conftest import Write
from tests.domains.accounts.server import PASSWORD, SYSTEM, Server, bearer

SECRET = re.compile(r"sc_pat_[A-Za-z0-9_-]+")
HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "right to left": "مراقبة الخادم",
    "emoji": "👩‍💻 laptop 🔥",
    "markup": "\"><img src=x onerror=alert(1)> &amp; '",
}


def test_the_old_address_leads_to_the_settings(server: Server) -> None:
    client = server.browser("ada", "devops")
    for path in ("/account", "/settings"):
        assert client.get(path).headers["location"] == "/settings/contact"


def test_a_token_is_shown_once_reads_and_ends_when_it_is_revoked(server: Server) -> None:
    client = server.browser("ada", "devops")
    made = client.post("/settings/tokens", data={"name": "prometheus", "scope": "read", "valid_days": "365"})
    assert made.status_code == 201 and made.headers["cache-control"] == "no-store"
    secret = SECRET.findall(made.text)[0]
    later = client.get("/settings/tokens").text
    assert "prometheus" in later and "read only" in later and secret not in later
    script = server.client()
    me = script.get("/api/v1/whoami", headers=bearer(secret)).json()
    assert (me["id"], me["is_read_only"], me["access"]["deploy"]) == ("ada", True, "read")
    assert script.post("/api/v1/tokens", json={"name": "more"}, headers=bearer(secret)).status_code == 403
    token_id = re.findall(r"/settings/tokens/([^/]+)/revoke", later)[0]
    assert client.post(f"/settings/tokens/{token_id}/revoke").status_code == 303
    assert script.get("/api/v1/whoami", headers=bearer(secret)).status_code == 401


def test_a_token_ends_by_itself(server: Server) -> None:
    client = server.browser("ada", "devops")
    made = client.post("/settings/tokens", data={"name": "week", "scope": "all", "valid_days": "7"})
    secret = SECRET.findall(made.text)[0]
    assert server.client().get("/api/v1/whoami", headers=bearer(secret)).json()["is_read_only"] is False
    server.clock.advance(days=7)
    assert server.client().get("/api/v1/whoami", headers=bearer(secret)).status_code == 401


def test_a_year_is_refused_to_a_token_that_may_write(server: Server) -> None:
    client = server.browser("ada", "devops")
    refused = client.post("/settings/tokens", data={"name": "ci", "scope": "all", "valid_days": "365"})
    assert refused.status_code == 422
    assert "at most 90 days" in refused.text and 'value="ci"' in refused.text


def test_a_token_may_have_fewer_roles_and_never_more(server: Server) -> None:
    client = server.browser("ada", "devops", "support")
    made = client.post("/settings/tokens", data={"name": "few", "scope": "all", "role": "support"})
    me = server.client().get("/api/v1/whoami", headers=bearer(SECRET.findall(made.text)[0])).json()
    assert me["roles"] == ["support"]
    more = client.post("/settings/tokens", data={"name": "more", "scope": "all", "role": "admin"})
    assert more.status_code == 403 and "you do not hold admin" in more.text


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_are_text(server: Server, name: str) -> None:
    client = server.browser("ada", "devops")
    page = client.post("/settings/tokens", data={"name": name, "valid_days": "7"}).text
    assert "<script>alert" not in page and "<img src=x" not in page


def test_a_name_of_4000_characters_is_refused_in_words(server: Server) -> None:
    client = server.browser("ada", "devops")
    long = "x" * 4000
    refused = client.post("/settings/tokens", data={"name": long, "valid_days": "7"})
    assert refused.status_code == 422 and "1 to 100 characters" in refused.text
    for values in ({"time_zone": long}, {"time_zone": "Mars/Olympus"}):
        wrong = client.post("/settings/display", data={"theme": "dark", **values})
        assert wrong.status_code == 422 and "there is no time zone" in wrong.text


def test_the_set_up_form_says_what_is_too_long_and_keeps_the_rest(server: Server, write: Write) -> None:
    code = write(links.make_set_up_link, valid_s=3600)
    form = {"handle": "root", "name": "n" * 4000, "email": "root@x.example", "password": PASSWORD}
    refused = server.client().post(f"/set-up/{code}", data=form)
    assert refused.status_code == 422
    assert "a name has 1 to 200 characters" in refused.text and "root@x.example" in refused.text
    arabic = server.client().post(f"/set-up/{code}", data={**form, "name": "ليلى 👩‍💻"})
    assert arabic.status_code == 303


def test_every_other_session_ends_at_once(server: Server) -> None:
    phone = server.browser("ada")
    laptop = server.client()
    laptop.post("/login", data={"handle": "ada", "password": PASSWORD})
    assert "this one" in laptop.get("/settings/sessions").text
    assert laptop.post("/settings/sessions/end-others").status_code == 303
    assert phone.get("/api/v1/whoami").status_code == 401
    assert laptop.get("/api/v1/whoami").status_code == 200


def test_the_theme_is_kept_by_the_browser_and_the_zone_by_the_account(server: Server, read: Write) -> None:
    client = server.browser("ada")
    saved = client.post("/settings/display", data={"theme": "dark", "time_zone": "Asia/Tokyo"})
    assert saved.status_code == 303 and client.cookies["theme"] == "dark"
    page = client.get("/settings/display").text
    assert 'data-theme="dark"' in page
    # 09:00 UTC on virtual time.
    assert "Monday 18:00" in page
    assert read(queries.get_person, "ada").time_zone == "Asia/Tokyo"
    client.post("/settings/display", data={"theme": "<script>", "time_zone": "Asia/Tokyo"})
    assert client.cookies["theme"] == "auto"


def test_a_zone_that_the_file_manages_is_changed_there(server: Server, write: Write) -> None:
    values = {"name": "Eva", "email": "eva@x.example", "roles": ["support"], "managed_by": "file"}
    invitation = write(service.invite, SYSTEM, handle="eva", **values)
    client = server.client()
    client.post(invitation.path, data={"password": PASSWORD})
    assert "managed in staycalm.yaml" in client.get("/settings/display").text
    assert client.post("/settings/display", data={"time_zone": "Asia/Tokyo"}).status_code == 409


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "an unknown browser"),
    ],
)
def test_a_session_is_told_by_its_device(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
