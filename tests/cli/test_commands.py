"""Every command against a real server: what it prints, its JSON, its exit code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from staycalm.cli import exits
from tests.cli.shop import Shop

SLOW = "--strategy=linear-60"


def until(look: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Return the first true answer."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def test_the_file_of_init_is_in_force_after_one_apply(shop: Shop) -> None:
    again = shop.server.sc("apply", str(shop.file))
    assert (again.code, again.out) == (0, "Nothing to do: the file is in force already.\n")
    assert shop.server.sc("plan", str(shop.file), "--json").json == {"changes": []}


def test_plan_shows_additions_and_removals_and_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    text = shop.file.read_text(encoding="utf-8").replace("  sam:\n", "  tom:\n").replace("sam@", "tom@")
    other.write_text(text, encoding="utf-8")
    planned = shop.server.sc("plan", str(other))
    assert "+ person tom" in planned.out
    assert "- person sam" in planned.out
    refused = shop.server.sc("apply", str(other), stdin="n\n")
    assert refused.code == exits.REFUSED
    assert "Nothing was changed" in refused.err
    assert shop.server.sc("plan", str(shop.file), "--json").json == {"changes": []}


def test_a_bad_file_is_refused_with_its_lines(shop: Shop, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(shop.file.read_text(encoding="utf-8").replace("tier: 2", "tier: nine"), encoding="utf-8")
    said = shop.server.sc("apply", str(bad))
    assert said.code == exits.REFUSED
    line = 1 + bad.read_text(encoding="utf-8").splitlines().index("    tier: nine")
    assert f"bad.yaml:{line}" in said.err
    missing = shop.server.sc("plan", "nowhere.yaml")
    assert missing.code == exits.USAGE
    assert "sc init" in missing.err


def test_whoami_says_who_and_from_where(shop: Shop, support_token: str) -> None:
    me = shop.server.sc("whoami", "--json").json
    assert me["roles"] == ["admin"]
    assert me["found_in"].startswith("data directory")
    sam = shop.server.sc("--token", support_token, "whoami", "--json").json
    assert (sam["id"], sam["roles"]) == ("sam", ["support"])


def test_a_wrong_password_is_refused(shop: Shop, support_token: str) -> None:
    said = shop.server.sc("login", shop.server.url, "--handle", "sam", "--password-stdin", stdin="wrong\n")
    assert said.code == exits.NOT_ALLOWED


def test_deployments_are_listed(shop: Shop) -> None:
    said = shop.server.sc("ops", "deployments", "--limit=10")
    assert said.out.splitlines()[0].split()[:3] == ["ID", "SERVICE", "ENV"]
    assert "DEP-1" in said.out
    assert shop.server.sc("ops", "deployments", "--json").json["items"][-1]["id"] == "DEP-1"
    assert shop.server.sc("ops", "deployments", "--limit=0").code == exits.USAGE


def test_a_person_needs_hotfix_and_reason_in_production(shop: Shop) -> None:
    folder = str(shop.build("first"))
    said = shop.server.sc("ops", "deploy", "shop", folder, "--env=production")
    assert said.code == exits.NOT_ALLOWED
    assert "--hotfix" in said.err
    unsaid = shop.server.sc("ops", "deploy", "shop", folder, "--env=production", "--hotfix")
    assert unsaid.code == exits.USAGE


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("ops", "deploy", "sohp", "{build}", "--env=production"), exits.NOT_FOUND, "Did you mean `shop`?"),
        (("ops", "deploy", "shop", "./nowhere", "--env=production"), exits.USAGE, "no file or directory"),
        (("ops", "deploy", "shop", "{build}", "--env=prod"), exits.NOT_FOUND, "Did you mean `production`?"),
        (("ops", "deploy", "shop", "sha256:" + "0" * 64, "--env=production"), exits.NOT_FOUND, ""),
        (("ops", "rollback", "--deployment=DEP-999"), exits.NOT_FOUND, ""),
        (("ops", "promote", "DEP-11"), exits.NOT_FOUND, "Did you mean `DEP-1`?"),
        (("ops", "promote", "DPE-1"), exits.REFUSED, "Did you mean `DEP-1`?"),
        (("ops", "promote", "1"), exits.REFUSED, "Did you mean `DEP-1`?"),
        (("ops", "deployments", "--service=shpo"), exits.NOT_FOUND, "Did you mean `shop`?"),
        (("ops", "alerts", "--env=prodction"), exits.NOT_FOUND, "Did you mean `production`?"),
        (("ops", "rollback", "--deployment=xyz"), exits.REFUSED, "DEP-7"),
        (("ops", "rollback", "--deployment=DEP-1"), exits.CONFLICT, ""),
        (("ops", "promote", "DEP-1"), exits.CONFLICT, ""),
        (("ops", "incident-report", "--id=INC-999"), exits.NOT_FOUND, ""),
        (("ops", "incident", "--severity=P9", "--title=x"), exits.REFUSED, "P0"),
        (("ops", "alerts", "--severity=awful"), exits.REFUSED, "P0"),
        (("ops", "acknowledge", "ALG-999"), exits.NOT_FOUND, ""),
        (("ops", "silence", "service=shop"), exits.USAGE, "--for"),
        (("ops", "silence", "service=shop", "--for=2h"), exits.USAGE, "--reason"),
        (("ops", "silence", "nonsense", "--for=2h", "--reason=x"), exits.REFUSED, ""),
        (("ops", "verify-deployment", "--env=prod"), exits.NOT_FOUND, "Did you mean `production`?"),
        (("logs", "shpo"), exits.NOT_FOUND, "Did you mean `shop`?"),
        (("logs", "shop", "--env=nowhere"), exits.NOT_FOUND, ""),
        (("logs", "shop", "--revision=nothing"), exits.NOT_FOUND, ""),
        (("oncall", "--schedule=night"), exits.USAGE, "platform"),
        (("backup", "--output=/nowhere/at/all"), exits.REFUSED, "/nowhere"),
        (("restore", "/nowhere"), exits.USAGE, ""),
    ],
)
def test_what_cannot_be_is_one_sentence_and_a_next_step(
    shop: Shop, arguments: tuple[str, ...], code: int, hint: str
) -> None:
    given = [each.replace("{build}", str(shop.build("first"))) for each in arguments]
    said = shop.server.sc(*given, *(("--hotfix", "--reason=x") if "deploy" in arguments else ()))
    assert said.code == code, said
    assert hint in said.err
    assert 1 <= len(said.err.splitlines()) <= 2
    assert said.err.startswith("sc: ")


def test_support_may_look_and_may_not_deploy(shop: Shop, support_token: str) -> None:
    assert shop.server.sc("ops", "deployments", "--token", support_token).code == exits.OK
    said = shop.deploy("first", SC_TOKEN=support_token)
    assert said.code == exits.NOT_ALLOWED
    assert "deploy" in said.err
    nobody = shop.server.sc("ops", "deployments", SC_TOKEN="sc_pat_nobody")
    assert nobody.code == exits.NOT_ALLOWED


def test_a_rollout_is_paused_resumed_promoted_and_aborted(shop: Shop) -> None:
    begun = shop.deploy("story", SLOW, "--detach", "--json").json
    name = begun["id"]
    until(lambda: shop.get(f"/api/v1/deployments/{name}")["state"] == "shifting")
    assert shop.server.sc("ops", "pause", name, "--json").json["is_paused"] is True
    assert shop.deploy("other", "--detach").code == exits.CONFLICT
    assert shop.server.sc("ops", "resume", name, "--json").json["is_paused"] is False
    assert shop.server.sc("ops", "promote", name, "--reason=looks good").code == exits.OK
    assert shop.server.sc("ops", "abort", name, "--reason=story over").code == exits.OK
    until(lambda: not shop.get(f"/api/v1/deployments/{name}")["is_running"])


def test_what_is_rolled_back_can_be_named_by_commit_and_an_ambiguous_name_is_refused(shop: Shop) -> None:
    for number in ("1", "2"):
        done = shop.deploy(f"commit-{number}", "--strategy=instant", f"--commit=abcd{number}{'0' * 35}")
        assert done.code == exits.OK, done
    both = shop.server.sc("ops", "rollback", "--deployment=abcd")
    assert both.code == exits.CONFLICT
    assert "DEP-" in both.err + both.out
    one = shop.server.sc("ops", "rollback", "--deployment=abcd2", "--reason=test", "--json")
    assert one.code == exits.OK, one
    assert one.json["state"] == "rolled-back"


def test_an_incident_runs_its_course(shop: Shop) -> None:
    declared = shop.server.sc(
        "ops", "incident", "--severity=P0", "--title=Service Down", "--service=shop", "--json"
    )
    # Without a channel that reaches anybody the server says so, and so does the exit code.
    assert declared.code == (exits.NOBODY_PAGED if declared.json["nobody_paged"] else exits.OK)
    name = declared.json["incident"]["id"]
    assert name in shop.server.sc("ops", "incidents", "--open").out
    state = shop.server.sc("ops", "status", "--json")
    assert state.code == exits.UNHEALTHY
    assert name in [each["id"] for each in state.json["incidents"]]
    assert shop.server.sc("ops", "acknowledge", name).code == exits.OK
    assert shop.server.sc("ops", "note", name, "the cache was full").out == f"{name}: noted.\n"
    assert shop.server.sc("ops", "role", name, "commander", "sam").out == f"{name}: sam is commander.\n"
    assert shop.server.sc("ops", "priority", name, "P1").out == f"{name} is P1.\n"
    assert shop.server.sc("ops", "mitigate", name, "--how=restarted").out == f"{name} is mitigated.\n"
    assert shop.server.sc("ops", "resolve", name, "--summary=over").out == f"{name} is resolved.\n"
    report = shop.server.sc("ops", "incident-report", f"--id={name}")
    assert report.out.startswith("# Incident Post-Mortem: Service Down")
    assert "the cache was full" in report.out
    assert shop.server.sc("ops", "reopen", name, "--reason=again").out == f"{name} is triage.\n"
    assert shop.server.sc("ops", "resolve", name).code == exits.OK
    assert shop.server.sc("ops", "close", name).out == f"{name} is closed.\n"
    assert "title" in shop.server.sc("ops", "incident-report", f"--id={name}", "--json").json
    file = shop.server.folder / "report.pdf"
    shop.server.sc("ops", "incident-report", f"--id={name}", "--format=pdf", f"--output={file}")
    assert file.read_bytes().startswith(b"%PDF")


def test_nobody_paged_is_said_aloud(shop: Shop) -> None:
    said = shop.server.sc("ops", "incident", "--severity=critical", "--title=Nobody hears this")
    if said.code == exits.NOBODY_PAGED:
        assert "NOBODY PAGED" in said.err
    name = said.out.split()[1]
    shop.server.sc("ops", "resolve", name, "--summary=test")


def test_alerts_are_listed_taken_and_silenced(shop: Shop) -> None:
    made = shop.server.sc(
        "ops", "silence", "rule=disk*", "service=shop", "--for=2h", "--reason=moving disks", "--json"
    )
    assert made.json["matchers"] == ["rule=disk*", "service=shop"]
    assert made.json["id"] in shop.server.sc("ops", "silence").out
    assert shop.server.sc("ops", "silence", "--end", made.json["id"]).code == exits.OK
    assert shop.server.sc("ops", "silence").out == "No silences are in force.\n"
    found = shop.server.sc("ops", "alerts", "--severity=critical", "--json")
    assert {each["priority"] for each in found.json["items"]} <= {"P0"}
    assert shop.server.sc("ops", "alerts", "--state=resolved").code == exits.OK


def test_what_is_live_is_verified(shop: Shop) -> None:
    said = shop.server.sc("ops", "verify-deployment", "--env=production")
    assert (said.code, said.out.splitlines()[-1]) == (exits.OK, "1 of 1 passed")
    assert shop.server.sc("ops", "verify-deployment", "--env=production", "--json").json["ok"] is True


def test_the_health_check_reports_on_everything(shop: Shop) -> None:
    said = shop.server.sc("ops", "health-check", "--full", "--json")
    assert said.code == (exits.OK if said.json["ok"] else exits.UNHEALTHY)
    assert said.json["staycalm"]["status"] == "ok"
    checked = {(each["service"], each["environment"]) for each in said.json["report"]["findings"]}
    assert ("shop", "production") in checked
    last = shop.server.sc("ops", "health-check")
    assert "StayCalm" in last.out
    assert last.out.splitlines()[-1].split(",")[-1].strip().startswith("looked")


def test_status_is_one_screen(shop: Shop) -> None:
    said = shop.server.sc("ops", "status")
    assert ["shop", "production", "ok"] in [line.split()[:3] for line in said.out.splitlines()]
    assert "platform" in said.out
    assert said.code in (exits.OK, exits.UNHEALTHY)
    assert {"staycalm", "live", "alerts", "incidents", "oncall", "ok"} <= set(
        shop.server.sc("ops", "status", "--json").json
    )


def test_logs_are_printed_for_people_and_as_lines_of_json(shop: Shop) -> None:
    lines = until(lambda: shop.server.sc("logs", "shop", "--tail=3").out.splitlines())
    assert 1 <= len(lines) <= 3
    machine = shop.server.sc("logs", "shop", "--tail=3", "--json").out.splitlines()
    assert {"revision", "at_s", "text"} <= set(json.loads(machine[0]))


def test_who_is_on_call_is_shown_now_and_by_the_week(shop: Shop) -> None:
    assert "ada" in shop.server.sc("oncall").out
    assert shop.server.sc("oncall", "--weeks=2", "--json").json["items"][0]["turns"]


def test_a_backup_is_copied_and_restored_elsewhere(shop: Shop) -> None:
    copy = shop.server.folder / "copy.tar.gz"
    made = shop.server.sc("backup", f"--output={copy}", "--json")
    assert made.json["copied_to"] == str(copy)
    assert copy.stat().st_mode & 0o077 == 0
    fresh = shop.server.folder / "restored"
    assert shop.server.sc("restore", str(copy), f"--data={fresh}").code == exits.OK
    assert (fresh / "staycalm.db").exists()
    again = shop.server.sc("restore", str(copy), f"--data={fresh}")
    assert again.code == exits.REFUSED
    assert again.err.startswith("sc restore: ")


def test_a_second_server_on_the_same_data_is_refused(shop: Shop) -> None:
    said = shop.server.sc("up", SC_SERVER_PORT="0")
    assert said.code == exits.REFUSED
    assert "another StayCalm server" in said.err
