"""`sc ops post-mortem` and `sc ops action` against a real server."""

from __future__ import annotations

from staycalm.cli import exits
from tests.cli.shop import Shop


def test_a_post_mortem_and_its_action_items_from_the_terminal(shop: Shop) -> None:
    sc = shop.server.sc
    declared = sc("ops", "incident", "--severity=P3", "--title=Slow search", "--json").json
    id = declared["incident"]["id"]
    shown = sc("ops", "post-mortem", id)
    assert shown.code == 0 and "draft" in shown.out and "Not written: summary" in shown.out
    words = "The retry had no budget.\x1b[31m"
    assert sc("ops", "post-mortem", id, "--write", "root-cause", "--file", "-", stdin=words).code == 0
    shown = sc("ops", "post-mortem", id)
    assert "The retry had no budget." in shown.out and "\x1b" not in shown.out
    stale = sc("ops", "post-mortem", id, "--write", "root-cause", "--text", "other", "--version", "0")
    assert stale.code == exits.CONFLICT and "wrote Root cause" in stale.err
    assert sc("ops", "post-mortem", id, "--publish").code == exits.CONFLICT
    assert sc("ops", "resolve", id).code == 0
    assert sc("ops", "post-mortem", id, "--publish", "--json").json["state"] == "published"
    assert sc("ops", "post-mortem", id, "--amend", "It happened in May.").code == 0
    assert "It happened in May." in sc("ops", "report", id).out

    added = sc(
        "ops", "action", "add", id, "Give retries a budget", "--owner=sam", "--due=2020-01-31", "--json"
    ).json
    assert (added["owner"], added["is_overdue"], added["kind"]) == ("sam", True, "preventive")
    listed = sc("ops", "action", "list", "--overdue")
    assert added["id"] in listed.out and "Give retries a budget" in listed.out
    later = sc("ops", "action", "change", added["id"], "--due=2099-01-31")
    assert later.out == f"{added['id']} is open: Give retries a budget (sam, due 2099-01-31)\n"
    assert sc("ops", "action", "list", "--overdue", "--json").json["items"] == []
    assert sc("ops", "action", "done", added["id"]).out == f"{added['id']} is done: Give retries a budget\n"
    assert sc("ops", "action", "done", added["id"]).code == exits.CONFLICT
    assert sc("ops", "action", "reopen", added["id"]).code == 0
    assert sc("ops", "action", "drop", added["id"], "--reason", "off", "--json").json["reason"] == "off"


def test_what_cannot_be_meant_is_refused_before_the_server_is_asked(shop: Shop) -> None:
    sc = shop.server.sc
    for wrong in (["--submit", "--publish"], ["--write", "lessons"]):
        assert sc("ops", "post-mortem", "INC-1", *wrong).code == exits.USAGE, wrong
    assert sc("ops", "action", "change", "ACT-1").code == exits.USAGE
    assert sc("ops", "action", "done", "ACT-999").code == exits.NOT_FOUND
    assert sc("ops", "action", "add", "INC-1", "x", "--owner=sam", "--due=soon").code == exits.REFUSED
