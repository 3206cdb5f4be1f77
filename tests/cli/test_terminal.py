"""On a terminal: colours where they are wanted, one live area, and Ctrl-C detaches."""

from __future__ import annotations

from staycalm.cli import exits
from tests.cli.shop import Shop
from tests.cli.terminal import Terminal

COLOUR = "\x1b[3"


def test_a_pipe_gets_no_escapes(shop: Shop) -> None:
    assert "\x1b" not in shop.server.sc("ops", "deployments").out


def test_a_terminal_gets_colours(shop: Shop) -> None:
    shown = Terminal("ops", "deployments", env=shop.server.environment())
    assert shown.end() == exits.OK
    assert COLOUR in shown.screen


def test_no_color_and_dumb_terminals_get_none(shop: Shop) -> None:
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = Terminal("ops", "status", env=shop.server.environment(**more))
        shown.end()
        assert COLOUR not in shown.screen


def test_a_table_fits_a_narrow_terminal(shop: Shop) -> None:
    for columns in (60, 100):
        shown = Terminal("ops", "deployments", env=shop.server.environment(), columns=columns)
        assert shown.end() == exits.OK
        assert max(len(line) for line in shown.text.splitlines()) <= columns


def test_a_rollout_is_drawn_and_ctrl_c_detaches(shop: Shop) -> None:
    build = str(shop.build("drawn"))
    arguments = (
        "ops",
        "deploy",
        "shop",
        build,
        "--env=production",
        "--hotfix",
        "--reason=x",
        "--strategy=linear-60",
    )
    shown = Terminal(*arguments, env=shop.server.environment())
    shown.wait_for("shifting")
    shown.wait_for("candidate")
    shown.interrupt()
    assert shown.end() == exits.OK
    assert "Detached: DEP-" in shown.text
    name = shown.text.rpartition("Detached: ")[2].split()[0]
    assert shop.get(f"/api/v1/deployments/{name}")["is_running"]
    rolled_back = Terminal("ops", "rollback", f"--deployment={name}", env=shop.server.environment())
    assert rolled_back.end() == exits.OK
    assert "rolled-back" in rolled_back.text


def test_following_logs_ends_with_ctrl_c(shop: Shop) -> None:
    shown = Terminal("logs", "shop", "--follow", env=shop.server.environment())
    shown.wait_for("GET /")
    shown.interrupt()
    assert shown.end() == exits.OK
