"""`sc token`, `sc people`, `sc contact` and `sc session` against a real server."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

from staycalm.cli import exits
from tests.cli.shop import Shop


def fetch(url: str, token: str, method: str = "GET") -> int:
    """Return the status of a request that a scraper would send."""
    request = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_read_only_token_scrapes_until_it_is_revoked(shop: Shop) -> None:
    server = shop.server
    made = server.sc("token", "create", "--read-only", "--name", "prometheus", "--expires", "1y")
    assert made.code == 0 and "may only read" in made.err
    token = made.out.strip()
    assert fetch(f"{server.url}/metrics", token) == 200
    assert fetch(f"{server.url}/api/v1/deployments", token) == 200
    assert fetch(f"{server.url}/api/v1/backups", token, "POST") == 403
    listed = server.sc("token", "list", "--all", "--json").json["items"]
    assert [each["is_read_only"] for each in listed if each["name"] == "prometheus"] == [True]
    assert token not in json.dumps(listed)
    revoked = server.sc("token", "revoke", "prometheus")
    assert (revoked.code, revoked.out) == (0, "Revoked prometheus: it answers 401 from now on.\n")
    assert fetch(f"{server.url}/metrics", token) == 401


def test_a_long_life_is_refused_to_a_token_that_writes(shop: Shop) -> None:
    refused = shop.server.sc("token", "create", "--name", "ci", "--machine", "--expires", "1y")
    assert refused.code == exits.REFUSED and "at most 90 days" in refused.err
    wrong = shop.server.sc("token", "create", "--name", "ci", "--expires", "soon")
    assert wrong.code == exits.USAGE and "Write it like 12h, 30d or 1y" in wrong.err
    assert shop.server.sc("token", "revoke", "nothing-like-it").code == exits.NOT_FOUND


def test_init_declares_nobody_again_whose_account_was_made_on_the_web(shop: Shop, tmp_path: Path) -> None:
    sc, file = shop.server.sc, tmp_path / "first.yaml"
    assert sc("people", "invite", "grace", "--name=Grace", "--email=g@x.example", "--role=admin").code == 0
    assert sc("init", "--file", str(file)).code == 0
    assert "members: [grace]" in file.read_text(encoding="utf-8")
    assert sc("plan", str(file)).code == 0
    assert sc("people", "deactivate", "grace", "--yes").code == 0


def test_people_come_change_and_go(shop: Shop) -> None:
    sc = shop.server.sc
    invited = sc(
        "people", "invite", "eva", "--name", "Eva Luna", "--email", "eva@x.example", "--role", "developer"
    )
    assert invited.code == 0 and "/invitation/sc_inv_" in invited.out
    assert "Eva Luna" in sc("people").out
    assert sc("people", "roles", "eva", "devops", stdin="n\n").code == exits.REFUSED
    assert sc("people", "roles", "eva", "devops", "--yes").out == "eva: devops\n"
    shown = sc("people", "show", "eva", "--json").json
    assert (shown["standing_roles"], shown["last_seen_at"]) == (["devops"], None)
    assert sc("people", "deactivate", "eva", "--yes").code == 0
    assert "eva" not in [each["handle"] for each in sc("people", "--json").json["items"]]
    assert "/invitation/sc_inv_" in sc("people", "reactivate", "eva").out
    sc("people", "deactivate", "eva", "--yes")


def test_one_reads_how_one_is_reached_and_signs_out_elsewhere(shop: Shop, support_token: str) -> None:
    as_sam = {"SC_TOKEN": support_token, "SC_SERVER": shop.server.url}
    mine = shop.server.sc("contact", "list", "--json", **as_sam).json["items"]
    assert [each["kind"] for each in mine] == ["email"]
    assert shop.server.sc("session", "end", **as_sam).code == exits.USAGE
    assert shop.server.sc("session", "end", "--all", **as_sam).out == "Signed out there.\n"
    assert shop.server.sc("session", "list", **as_sam).out == "You are signed in with no browser.\n"
