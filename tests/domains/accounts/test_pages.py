"""The browser: signing in and out, sessions that end, links that work once, requests from elsewhere."""

from __future__ import annotations

from fastapi.routing import APIRoute

from staycalm.domains.accounts import links, service
from staycalm.kit.http import permission_of
from tests.conftest import VirtualClock, Write
from tests.domains.accounts.server import HERE, PASSWORD, ROUTERS, SYSTEM, Server

NEW = "another long password"


def test_every_route_names_what_it_needs() -> None:
    routes = [route for each in ROUTERS for route in each.routes if isinstance(route, APIRoute)]
    assert len(routes) > 30
    assert [route.path for route in routes if permission_of(route) is None] == []


def test_signing_in_sets_a_cookie_scripts_cannot_read_and_goes_on(server: Server) -> None:
    server.person("ada", "devops")
    client = server.client()
    assert "Sign in" in client.get("/login?next=/deployments").text
    form = {"handle": "ada", "password": PASSWORD, "next": "/deployments"}
    answer = client.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/deployments")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("sc_session=sc_ses_") and "httponly" in cookie and "samesite=lax" in cookie
    assert client.get("/api/v1/whoami").json()["method"] == "session"


def test_on_https_the_cookie_is_bound_to_the_host(server: Server) -> None:
    server.person("ada", "devops")
    client = server.client(address="192.0.2.7", base="https://sc.example")
    answer = client.post("/login", data={"handle": "ada", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-sc_session=") and "Secure" in cookie and "Path=/" in cookie
    assert "Domain" not in cookie
    assert client.get("/api/v1/whoami").status_code == 200


def test_a_wrong_password_shows_the_form_again(server: Server) -> None:
    server.person("ada")
    answer = server.client().post("/login", data={"handle": "ada", "password": "wrong", "next": "/x"})
    assert answer.status_code == 401
    assert "handle or password is wrong" in answer.text and 'value="/x"' in answer.text
    assert "wrong password" not in answer.text


def test_the_way_on_stays_on_this_server(server: Server) -> None:
    server.person("ada")
    for onwards in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        form = {"handle": "ada", "password": PASSWORD, "next": onwards}
        assert server.client().post("/login", data=form).headers["location"] == "/"


def test_a_session_ends_after_an_idle_hour(server: Server, clock: VirtualClock) -> None:
    client = server.browser("ada", "devops")
    clock.advance(minutes=59)
    assert client.get("/api/v1/whoami").status_code == 200
    clock.advance(minutes=59)
    assert client.get("/api/v1/whoami").status_code == 200
    clock.advance(minutes=60)
    assert client.get("/api/v1/whoami").status_code == 401


def test_a_session_ends_after_twelve_hours_however_busy(server: Server, clock: VirtualClock) -> None:
    client = server.browser("ada", "devops")
    for _ in range(12 * 2 - 1):
        clock.advance(minutes=30)
        assert client.get("/api/v1/whoami").status_code == 200
    clock.advance(minutes=30)
    assert client.get("/api/v1/whoami").status_code == 401


def test_signing_out_ends_the_session_for_good(server: Server) -> None:
    client = server.browser("ada")
    stolen = client.cookies["sc_session"]
    assert client.post("/logout").headers["location"] == "/login"
    thief = server.client()
    thief.cookies.set("sc_session", stolen)
    assert thief.get("/api/v1/whoami").status_code == 401


def test_a_session_is_listed_and_can_be_ended_from_another(server: Server) -> None:
    phone = server.browser("ada")
    laptop = server.client()
    laptop.post("/login", data={"handle": "ada", "password": PASSWORD})
    listed = laptop.get("/api/v1/sessions").json()["items"]
    assert [each["is_this_one"] for each in listed] == [True, False]
    other = next(each for each in listed if not each["is_this_one"])
    assert laptop.post(f"/settings/sessions/{other['id']}/end").status_code == 303
    assert phone.get("/api/v1/whoami").status_code == 401


def test_a_new_password_ends_every_other_session(server: Server) -> None:
    phone = server.browser("ada")
    laptop = server.client()
    laptop.post("/login", data={"handle": "ada", "password": PASSWORD})
    assert "is wrong" in laptop.post("/settings/password", data={"old": "no", "new": NEW}).text
    assert "fewer than 12" in laptop.post("/settings/password", data={"old": PASSWORD, "new": "short"}).text
    assert laptop.post("/settings/password", data={"old": PASSWORD, "new": NEW}).status_code == 303
    assert laptop.get("/settings/sessions").status_code == 200
    assert phone.get("/api/v1/whoami").status_code == 401
    assert server.client().post("/login", data={"handle": "ada", "password": NEW}).status_code == 303


def test_a_deactivated_persons_session_is_cut(server: Server, write: Write) -> None:
    client = server.browser("ada")
    write(service.deactivate, SYSTEM, "ada")
    assert client.get("/api/v1/whoami").status_code == 401


def test_a_writing_request_from_another_site_is_refused(server: Server) -> None:
    client = server.browser("root", "admin")
    body = {"name": "script"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": HERE + ".evil.example"}):
        answer = client.post("/api/v1/tokens", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin")
    del client.headers["Origin"]
    assert client.post("/api/v1/tokens", json=body).status_code == 403
    assert client.post("/api/v1/tokens", json=body, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/api/v1/tokens", json=body, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 201
    assert client.post("/api/v1/tokens", json=body, headers={"Origin": HERE}).status_code == 201


def test_another_site_cannot_sign_somebody_in(server: Server) -> None:
    server.person("ada")
    form = {"handle": "ada", "password": PASSWORD}
    answer = server.client().post("/login", data=form, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_the_set_up_link_makes_the_first_admin_once(server: Server, write: Write) -> None:
    code = write(links.make_set_up_link, valid_s=3600)
    client = server.client()
    for _ in range(2):
        assert "the first admin" in client.get(f"/set-up/{code}").text
    form = {"handle": "root", "name": "Root", "email": "root@x.example", "password": "short"}
    weak = client.post(f"/set-up/{code}", data=form)
    assert weak.status_code == 422 and "fewer than 12" in weak.text and "root@x.example" in weak.text
    done = client.post(f"/set-up/{code}", data={**form, "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/welcome/contact")
    assert client.get("/api/v1/whoami").json()["roles"] == ["admin"]
    assert "used up" in client.get(f"/set-up/{code}").text
    again = {**form, "handle": "mallory", "email": "m@x.example", "password": PASSWORD}
    assert server.client().post(f"/set-up/{code}", data=again).status_code == 409


def test_an_invitation_sets_a_password_and_signs_in(server: Server, write: Write) -> None:
    values = {"name": "Eva", "email": "eva@x.example", "roles": ["support"]}
    invitation = write(service.invite, SYSTEM, handle="eva", **values)
    client = server.client()
    page = client.get(invitation.path)
    assert "eva" in page.text and page.headers["referrer-policy"] == "no-referrer"
    assert client.post(invitation.path, data={"password": PASSWORD}).status_code == 303
    assert client.get("/api/v1/whoami").json()["id"] == "eva"
    assert client.post(invitation.path, data={"password": PASSWORD}).status_code == 404
