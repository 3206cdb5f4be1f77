"""The log is read page by page, filtered, and never changed by reading."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domains.accounts.server import Server
from tests.domains.catalog.files import SHOP


def ask(server: Server, who: dict[str, str], **query: Any) -> Any:
    return server.client().get("/api/v1/audit/events", params=query, headers=who)


@pytest.fixture
def root(server: Server) -> dict[str, str]:
    token = server.token("root", "admin")
    server.client().post("/api/v1/catalog/apply", json={"text": SHOP}, headers=token)
    return token


def names(answer: Any) -> list[str]:
    return [each["name"] for each in answer.json()["items"]]


def test_everything_that_happened_is_told_with_its_author(server: Server, root: dict[str, str]) -> None:
    told = ask(server, root, limit=500).json()["items"]
    assert [each["name"] for each in told][:2] == ["accounts.person_invited", "accounts.invitation_issued"]
    last = told[-1]
    assert (last["name"], last["actor"]["id"], last["subject"]) == ("catalog.file_applied", "root", "catalog")
    assert last["body"] == {"file": "staycalm.yaml", "added": 8, "changed": 1, "removed": 0}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"service": "shop"}, ["catalog.changed", "catalog.placement_changed"]),
        ({"service": "shop", "environment": "production"}, ["catalog.placement_changed"]),
        ({"subject": "team/shop-team"}, ["catalog.changed"]),
        ({"name": "catalog.file"}, ["catalog.file_applied"]),
        ({"name": "accounts.sign"}, ["accounts.signed_in"]),
        ({"actor": "nobody"}, []),
        ({"name": "%"}, []),
        ({"name": "catalog_file"}, []),
    ],
)
def test_filters_narrow_the_log(
    server: Server, root: dict[str, str], query: dict[str, str], expected: list[str]
) -> None:
    assert names(ask(server, root, **query)) == expected


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_pages_follow_one_another_without_gap_or_repeat(server: Server, root: dict[str, str], order: str) -> None:
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = ask(server, root, limit=3, order=order, **({"since": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 3
        seen += [each["seq"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    whole = [each["seq"] for each in ask(server, root, limit=500).json()["items"]]
    assert seen == (whole if order == "oldest" else whole[::-1])


def test_a_reader_waits_for_what_is_new(server: Server, root: dict[str, str]) -> None:
    newest = ask(server, root, limit=500).json()["newest"]
    nothing = ask(server, root, since=newest).json()
    assert (nothing["items"], nothing["newest"]) == ([], newest)
    server.person("eva", "support")
    assert names(ask(server, root, since=newest))[0] == "accounts.person_invited"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 501}, {"since": "x"}, {"since": "-1"}, {"order": "up"}])
def test_a_bad_question_is_refused(server: Server, root: dict[str, str], query: dict[str, Any]) -> None:
    assert ask(server, root, **query).status_code == 422


def test_who_may_not_read_the_log_does_not(server: Server, root: dict[str, str]) -> None:
    created = server.client().post("/api/v1/tokens/service", json={"name": "ci"}, headers=root).json()
    answer = ask(server, {"Authorization": f"Bearer {created['token']}"})
    assert answer.status_code == 403
