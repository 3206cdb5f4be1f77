"""`sc ops alerts --do` against a real server: it counts, asks, acts, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from staycalm.cli import exits
from staycalm.cli.main import run
from tests.cli.shop import Shop

FILTER = ("ops", "alerts", "--rule=many")


@pytest.fixture(scope="module")
def raised(shop: Shop) -> Shop:
    """Three alerts of one rule are open."""
    for n in range(3):
        shop.post("/api/v1/alerts", {"summary": f"Many {n}", "priority": "P3", "rule": "many", "service": "shop",
                                     "environment": "production", "dedup_key": f"many-{n}"})  # fmt: skip
    return shop


def states(shop: Shop) -> list[Any]:
    return [each["state"] for each in shop.get("/api/v1/alerts?rule=many")["items"]]


def test_all_that_match_are_taken_after_a_question_and_handed_back(raised: Shop) -> None:
    sc = raised.server.sc
    assert sc(*FILTER, "--do=resolve", "--dry-run").out == "3 alerts match.\n"
    refused = sc(*FILTER, "--do=resolve", stdin="n\n")
    assert refused.code == exits.REFUSED
    assert "3 alerts with rule=many. This cannot be taken back. Resolve them?" in refused.err
    assert states(raised) == ["firing"] * 3
    taken = sc(*FILTER, "--do=acknowledge", "--yes", "--json").json
    assert (taken["done"], states(raised)) == (3, ["acknowledged"] * 3)
    assert sc("ops", "alerts", "--undo", taken["id"]).out == "3 alerts handed back: they fire again.\n"
    looked = sc(*FILTER, "--do=mute", "--dry-run").out.splitlines()
    assert looked == ["3 alerts would be muted:", "       3  service=shop, environment=production, rule=many"]
    group = raised.get("/api/v1/alerts?rule=many")["items"][0]["group"]
    assert sc("ops", "alerts", group, "--do=resolve", "--yes").out.startswith("3 alerts resolved")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ops", "alerts", "ALG-1"), "go with --do"),
        (("ops", "alerts", "ALG-1", "--service=shop", "--do=resolve"), "not both"),
        (("ops", "alerts", "--do=mute"), "--for"),
        (("ops", "alerts", "--do=mute", "--for=1h"), "--reason"),
    ],
)
def test_what_is_left_out_is_said_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run([*arguments, "--server=http://127.0.0.1:9"]) == exits.USAGE
    assert said in capsys.readouterr().err
