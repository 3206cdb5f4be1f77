"""A read-only token of somebody who may do everything: every read is answered, every write is refused."""

from __future__ import annotations

from typing import Any

import pytest

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Invalid
from staycalm.domains.accounts.people import Identity
from staycalm.domains.accounts.service import invite
from staycalm.domains.accounts.settings import AccountsSettings
from staycalm.domains.accounts.sign_in.tokens import create_service_token, create_token
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH
from staycalm.kit.database import Tx
from tests.api.application import DAY_S, NOBODY, Asked
from tests.api.test_every_route import ONES_OWN, PUBLIC, ROUTES, WRONG, filled, name_of, request_body

YEAR_S = AccountsSettings().read_only_token_longest_s


def _readers(tx: Tx) -> dict[str, str]:
    """Return tokens that may only read: an admin's and a machine's, for a year."""
    invite(tx, SYSTEM, handle="reader", name="Reader", email="reader@example.org", roles=["admin"])
    admin = Identity(Actor("person", "reader"), frozenset({"admin"}), "session")
    named: dict[str, Any] = {"valid_s": YEAR_S, "longest_s": YEAR_S, "is_read_only": True}
    return {
        "admin": create_token(tx, admin, name="wall", roles=None, **named).secret,
        "machine": create_service_token(tx, SYSTEM, name="prometheus", **named).secret,
    }


@pytest.fixture(scope="module")
def readers(asked: Asked) -> dict[str, str]:
    made: dict[str, str] = asked.runner.run(asked.application.database.write(_readers))
    return made


def ask(asked: Asked, token: str, method: str, path: str, **named: Any) -> Any:
    return asked.ask(NOBODY, method, path, headers={"Authorization": f"Bearer {token}"}, **named)


@pytest.mark.parametrize("who", ["admin", "machine"])
def test_a_read_only_token_scrapes_metrics(asked: Asked, readers: dict[str, str], who: str) -> None:
    answer = ask(asked, readers[who], "GET", "/metrics")
    assert answer.status_code == 200
    assert "staycalm_" in answer.text


def test_every_write_is_refused_and_no_read_is(asked: Asked, readers: dict[str, str]) -> None:
    wrong = []
    for (method, path), needed in ROUTES:
        assert needed is not None
        if needed.resource is None and name_of(method, path) in set(PUBLIC) - ONES_OWN:
            continue
        answer = ask(asked, readers["admin"], method, filled(path), params=WRONG, **request_body(path))
        is_refused = answer.status_code == 403
        if is_refused != (needed.level == "write"):
            wrong.append(f"{name_of(method, path)} ({needed}): {answer.status_code} {answer.text[:120]}")
    assert wrong == []
    assert ask(asked, readers["admin"], "POST", WEBHOOK_PATH, content=b"{}").status_code == 403


def test_it_says_of_itself_that_it_only_reads(asked: Asked, readers: dict[str, str]) -> None:
    me = ask(asked, readers["admin"], "GET", "/api/v1/whoami").json()
    assert me["is_read_only"] is True
    assert set(me["access"].values()) == {"read"}


def test_only_read_only_tokens_live_for_a_year(asked: Asked) -> None:
    def outlive(tx: Tx) -> None:
        create_service_token(tx, SYSTEM, name="ci", valid_s=YEAR_S, longest_s=90 * DAY_S)

    with pytest.raises(Invalid, match="90 days"):
        asked.runner.run(asked.application.database.write(outlive))
