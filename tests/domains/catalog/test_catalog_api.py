"""The catalog over HTTP: plan, apply, look, and change what the web manages."""

from __future__ import annotations

from tests.domains.accounts.server import Server
from tests.domains.catalog.files import SHOP


def test_plan_then_apply_then_nothing_to_do(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    body = {"file": "shop.yaml", "text": SHOP}
    planned = client.post("/api/v1/catalog/plan", json=body, headers=root).json()["changes"]
    applied = client.post("/api/v1/catalog/apply", json=body, headers=root).json()
    assert applied["changes"] == planned and len(planned) == 9
    assert [each["handle"] for each in applied["invitations"]] == ["alice", "bob"]
    assert client.post("/api/v1/catalog/apply", json=body, headers=root).json() == {
        "changes": [],
        "invitations": [],
    }
    assert client.get(applied["invitations"][0]["path"]).status_code == 200


def test_a_bad_file_is_answered_with_every_problem(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    body = {"file": "shop.yaml", "text": "services:\n  shop: {tear: 1}\n  mail: {kind: x}\n"}
    answer = client.post("/api/v1/catalog/apply", json=body, headers=root)
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        "shop.yaml:2: unknown key 'tear'; did you mean 'tier'?",
        "shop.yaml:3: kind 'x' is not known; use one of: service, worker, static",
    ]
    assert client.get("/api/v1/catalog/services", headers=root).json() == {"items": []}


def test_devops_applies_services_but_an_admin_applies_people(server: Server) -> None:
    client, ada = server.client(), server.token("ada", "devops")
    refused = client.post("/api/v1/catalog/apply", json={"text": SHOP}, headers=ada)
    assert (refused.status_code, refused.json()["code"]) == (403, "people-change")
    text = "environments: {staging: }\nservices: {mailer: {kind: worker, owners: [ada]}}"
    assert client.post("/api/v1/catalog/apply", json={"text": text}, headers=ada).status_code == 200


def test_a_placement_tells_names_of_variables_never_values(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    text = SHOP.replace("DEBUG: false", "DEBUG: hunter2-in-the-clear")
    client.post("/api/v1/catalog/apply", json={"text": text}, headers=root)
    answer = client.get("/api/v1/catalog/placements/shop/production", headers=root)
    assert answer.json()["env"] == ["DEBUG", "SHOP_DSN", "SHOP_KEY"]
    assert answer.json()["config"]["warm_for_s"] == 600
    listed = client.get("/api/v1/catalog/placements", headers=root)
    replanned = client.post("/api/v1/catalog/plan", json={"text": SHOP}, headers=root)
    assert replanned.json()["changes"][0]["detail"] == "env (DEBUG)"
    assert not any("hunter2" in each.text for each in (answer, listed, replanned))


def test_what_is_not_there_is_told_with_what_is(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    client.post("/api/v1/catalog/apply", json={"text": SHOP}, headers=root)
    for path, code, hint in (
        ("placements/shpo/production", "no-service", "Services: database, shop."),
        ("placements/shop/prod", "no-environment", "Environments: production, staging."),
        ("placements/shop/staging", "no-placement", "sc apply"),
        ("services/shpo", "no-service", "Services: database, shop."),
    ):
        answer = client.get(f"/api/v1/catalog/{path}", headers=root)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
        assert hint in answer.json()["next_step"]


def test_the_web_manages_its_own_services_and_no_others(server: Server) -> None:
    client, ada, dev = server.client(), server.token("ada", "devops"), server.token("dev", "developer")
    client.post("/api/v1/catalog/apply", json={"text": "services: {shop: {}}"}, headers=ada).raise_for_status()
    body = {"title": "Billing", "tier": 1, "owners": ["ada"], "depends_on": ["shop"]}
    assert client.put("/api/v1/catalog/services/billing", json=body, headers=dev).status_code == 403
    put = client.put("/api/v1/catalog/services/billing", json=body, headers=ada)
    assert (put.status_code, put.json()["managed_by"], put.json()["kind"]) == (200, "web", "service")
    for verb in ("put", "delete"):
        more = {"json": body} if verb == "put" else {}
        answer = client.request(verb, "/api/v1/catalog/services/shop", headers=ada, **more)
        assert (answer.status_code, answer.json()["code"]) == (409, "managed-by-file")
    assert client.delete("/api/v1/catalog/services/billing", headers=ada).status_code == 204
    names = [each["name"] for each in client.get("/api/v1/catalog/services", headers=dev).json()["items"]]
    assert names == ["shop"]


def test_environments_and_teams_are_listed(server: Server) -> None:
    client, root = server.client(), server.token("root", "admin")
    client.post("/api/v1/catalog/apply", json={"text": SHOP}, headers=root)
    environments = client.get("/api/v1/catalog/environments", headers=root).json()["items"]
    assert [(each["name"], each["is_production"]) for each in environments] == [
        ("production", True),
        ("staging", False),
    ]
    (team,) = client.get("/api/v1/catalog/teams", headers=root).json()["items"]
    assert (team["name"], team["members"], team["managers"]) == ("shop-team", ["alice", "bob"], ["alice"])
