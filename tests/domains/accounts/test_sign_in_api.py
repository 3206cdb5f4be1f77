"""Signing in for a token: right, wrong, slowed, and what a token may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from staycalm.domains.accounts import service
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.service import forget_ended
from staycalm.kit.database import Database
from staycalm.kit.database.log import after
from tests.conftest import VirtualClock, Write, drive
from tests.domains.accounts.server import PASSWORD, SYSTEM, Server, bearer, serve


def log_in(server: Server, handle: str, password: str, address: str = "127.0.0.1") -> Any:
    return server.client(address=address).post("/api/v1/login", json={"handle": handle, "password": password})


def test_the_right_password_gives_a_token_that_says_who_one_is(server: Server) -> None:
    server.person("ada", "devops")
    answer = log_in(server, "ada", PASSWORD)
    assert answer.status_code == 201 and answer.json()["token"].startswith("sc_pat_")
    me = server.client().get("/api/v1/whoami", headers=bearer(answer.json()["token"])).json()
    assert (me["kind"], me["id"], me["roles"], me["method"]) == ("person", "ada", ["devops"], "token")
    assert (me["access"]["deploy"], me["access"]["database"], me["access"]["people"]) == ("write", "read", "read")


@pytest.mark.parametrize("handle", ["ada", "nobody"])
def test_a_wrong_password_and_a_wrong_handle_answer_the_same(server: Server, handle: str) -> None:
    server.person("ada")
    answer = log_in(server, handle, "wrong")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "handle or password is wrong"


def test_what_was_typed_never_reaches_the_log(server: Server, read: Write) -> None:
    server.person("ada")
    log_in(server, "ada", "my secret guess")
    log_in(server, "a password typed as handle", "x")
    told = [each for each in read(after, 0) if each.name == "accounts.sign_in_failed"]
    assert [each.subject for each in told] == ["person/ada", "person/unknown"]
    assert "guess" not in str(told) and "typed" not in str(told)


def test_guessing_is_slowed_more_and_more_and_never_locked_out(server: Server) -> None:
    server.person("ada")
    for _ in range(9):
        log_in(server, "ada", "wrong")
    assert server.waited_s == [1, 2, 4, 8, 16, 30]
    server.waited_s.clear()
    assert log_in(server, "ada", PASSWORD).status_code == 201
    assert server.waited_s == [30]
    server.waited_s.clear()
    assert log_in(server, "ada", PASSWORD).status_code == 201
    assert server.waited_s == []


def test_an_attacker_elsewhere_does_not_keep_the_owner_out(server: Server) -> None:
    server.person("ada")
    for attacker in range(40):
        log_in(server, "ada", "wrong", f"127.0.1.{attacker}")
    server.waited_s.clear()
    assert log_in(server, "ada", PASSWORD).status_code == 201
    assert server.waited_s == [5]


def test_one_address_that_tries_many_handles_is_slowed(server: Server) -> None:
    for number in range(24):
        log_in(server, f"someone-{number}", "wrong")
    assert server.waited_s == [1, 2, 4, 8]


def test_concurrent_guesses_wait_for_one_another(server: Server, write: Write) -> None:
    from staycalm.core.errors import Unavailable
    from staycalm.domains.accounts.sign_in.tries import await_turn

    waits = [write(await_turn, "ada", "127.0.0.1") for _ in range(8)]
    assert waits == [0, 0, 0, 1, 3, 7, 15, 31]
    with pytest.raises(Unavailable) as refused:
        for _ in range(2):
            write(await_turn, "ada", "127.0.0.1")
    assert refused.value.code == "too-many-tries"
    assert write(await_turn, "ada", "127.0.0.2") == 0


def test_from_another_machine_signing_in_needs_https(
    world_db: Database, clock: VirtualClock, server: Server
) -> None:
    server.person("ada")
    refused = log_in(server, "ada", PASSWORD, "192.0.2.7")
    assert (refused.status_code, refused.json()["code"]) == (403, "plain-http")
    secure = server.client(address="192.0.2.7", base="https://sc.example")
    assert secure.post("/api/v1/login", json={"handle": "ada", "password": PASSWORD}).status_code == 201
    with serve(world_db, clock, AccountsSettings(plain_http=True)) as trusting:
        assert log_in(trusting, "ada", PASSWORD, "192.0.2.7").status_code == 201


def test_without_a_credential_nobody_is_signed_in(server: Server) -> None:
    for path in ("/api/v1/whoami", "/api/v1/people", "/api/v1/tokens", "/api/v1/catalog/services"):
        answer = server.client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


@pytest.mark.parametrize("header", ["Bearer sc_pat_unknown", "Bearer \u00ff", "Basic YTpi", "Bearer", "x"])
def test_a_bad_credential_is_told(server: Server, header: str) -> None:
    answer = server.client().get("/api/v1/whoami", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_role_that_is_missing_is_named(server: Server) -> None:
    developer = server.token("dev", "developer")
    answer = server.client().post("/api/v1/catalog/apply", json={"text": ""}, headers=developer)
    assert answer.status_code == 403
    assert "config needs write: developer has none; it is had by devops, on-call, admin" in answer.json()["detail"]


def make(client: TestClient, headers: dict[str, str], **body: Any) -> Any:
    return client.post("/api/v1/tokens", json={"name": "script", **body}, headers=headers)


def test_a_token_has_at_most_the_rights_of_its_owner(server: Server) -> None:
    client, ada = server.client(), server.token("ada", "devops")
    assert make(client, ada, roles=["admin"]).json()["code"] == "role-not-held"
    narrow = bearer(make(client, ada, roles=["on-call"], valid_days=1).json()["token"])
    assert client.get("/api/v1/whoami", headers=narrow).json()["roles"] == []
    assert make(client, narrow, roles=["devops"], valid_days=0.5).json()["code"] == "role-not-held"


def test_a_token_loses_what_its_owner_loses(server: Server, write: Write) -> None:
    client, ada = server.client(), server.token("ada", "devops", "support")
    values = {"name": "Ada", "email": "ada@x.example", "time_zone": "UTC", "roles": ["support"]}
    write(service.change_person, SYSTEM, "ada", **values)
    assert client.get("/api/v1/whoami", headers=ada).json()["roles"] == ["support"]
    write(service.deactivate, SYSTEM, "ada")
    assert client.get("/api/v1/whoami", headers=ada).status_code == 401


def test_a_token_cannot_make_one_that_outlives_it(server: Server) -> None:
    client, ada = server.client(), server.token("ada", "devops")
    assert make(client, ada, valid_days=31).json()["code"] == "outlives-its-maker"
    assert make(client, ada, valid_days=91).status_code == 422


def test_a_token_ends_at_its_time(server: Server, clock: VirtualClock) -> None:
    client, ada = server.client(), server.token("ada")
    clock.advance(days=30, seconds=-1)
    assert client.get("/api/v1/whoami", headers=ada).status_code == 200
    clock.advance(seconds=1)
    assert client.get("/api/v1/whoami", headers=ada).status_code == 401


def test_a_revoked_token_holds_no_more(server: Server) -> None:
    client, ada, bob = server.client(), server.token("ada", "devops"), server.token("bob", "devops")
    mine = client.get("/api/v1/tokens", headers=ada).json()["items"]
    assert [each["name"] for each in mine] == ["sc login"]
    assert client.delete(f"/api/v1/tokens/{mine[0]['id']}", headers=bob).status_code == 404
    assert client.delete(f"/api/v1/tokens/{mine[0]['id']}", headers=ada).status_code == 204
    assert client.get("/api/v1/whoami", headers=ada).status_code == 401


def test_a_machine_has_a_token_with_the_role_ci(server: Server) -> None:
    client, root, ada = server.client(), server.token("root", "admin"), server.token("ada", "devops")
    body = {"name": "github-actions"}
    assert client.post("/api/v1/tokens/service", json=body, headers=ada).status_code == 403
    created = client.post("/api/v1/tokens/service", json=body, headers=root)
    me = client.get("/api/v1/whoami", headers=bearer(created.json()["token"])).json()
    assert (me["kind"], me["id"], me["roles"]) == ("service", "github-actions", ["ci"])
    assert make(client, bearer(created.json()["token"])).json()["code"] == "no-person"


def test_what_ended_long_ago_is_forgotten_and_nothing_else(
    server: Server, write: Write, read: Write, clock: VirtualClock
) -> None:
    client, ada = server.client(), server.token("ada", "devops")
    for mine in client.get("/api/v1/tokens", headers=ada).json()["items"]:
        client.delete(f"/api/v1/tokens/{mine['id']}", headers=ada)
    browser = server.browser("bob", "devops")
    clock.advance(minutes=30)
    assert write(forget_ended, before=clock.now(), limit=100) == 2  # the token, and the count of this address
    assert browser.get("/api/v1/whoami").status_code == 200


def test_no_secret_is_stored_or_told_again(server: Server, world_db: Database, read: Write) -> None:
    import sqlalchemy as sa

    client, ada = server.client(), server.token("ada", "devops")
    secret = ada["Authorization"].removeprefix("Bearer ")
    assert secret not in client.get("/api/v1/tokens", headers=ada).text
    dump: Callable[..., str] = lambda tx: str(tx.rows(sa.text("SELECT * FROM api_tokens")))  # noqa: E731
    assert secret not in drive(world_db.read(dump)) and secret not in str(read(after, 0))


def test_an_admin_invites_changes_and_deactivates(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    body = {"handle": "eva", "name": "Eva", "email": "eva@x.example", "roles": ["support"]}
    invited = client.post("/api/v1/people", json=body, headers=root)
    assert invited.status_code == 201 and invited.json()["path"].startswith("/invitation/sc_inv_")
    changed = client.put("/api/v1/people/eva", json={**body, "roles": ["devops"]} | {"handle": None}, headers=root)
    assert changed.status_code == 422
    del body["handle"]
    changed = client.put("/api/v1/people/eva", json={**body, "roles": ["devops"]}, headers=root)
    assert changed.json()["roles"] == ["devops"]
    why = client.get("/api/v1/people/eva/access?resource=secrets&level=write", headers=root).json()
    assert (why["is_allowed"], why["sentence"]) == (
        False,
        "secrets needs write: devops has read; it is had by admin",
    )
    assert client.delete("/api/v1/people/eva", headers=root).status_code == 204
    handles = [each["handle"] for each in client.get("/api/v1/people", headers=root).json()["items"]]
    assert handles == ["root"]
