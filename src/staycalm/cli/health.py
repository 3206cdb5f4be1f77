"""`sc ops health-check` and `sc ops verify-deployment`: is everything well, does what is live pass its tests?"""

from __future__ import annotations

import time
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.busy import busy
from staycalm.cli.command import command
from staycalm.cli.errors import Trouble
from staycalm.cli.measure import harmless
from staycalm.client.api import Api, ApiError, segment

REPORTS = "/api/v1/health-report"
POLL_S = 0.3
VERIFY_S = 600.0
LONGEST_ANSWER_S = 45.0


@command(example="sc ops health-check --full", codes=(exits.UNHEALTHY,), timeout_s=2 * LONGEST_ANSWER_S)
@click.option("--full", is_flag=True, help="Look at everything now: probes, instances, proxies, StayCalm itself.")
@click.option(
    "--wait",
    "wait_s",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Longest wait for the full report, seconds.",
)
def health_check(api: Api, as_json: bool, full: bool, wait_s: float) -> int:
    """Say whether everything is well: the last full report, or (--full) a new one. Exit code 8 when not."""
    own: dict[str, Any] = api.get_any_status("/health")
    report = _new_report(api, wait_s) if full else _last_report(api)
    is_well = own["status"] == "ok" and (report is None or bool(report["ok"]))
    if as_json:
        output.print_json({"ok": is_well, "staycalm": own, "report": report})
        return exits.OK if is_well else exits.UNHEALTHY
    click.echo(f"StayCalm {own['version']} at {api.connection.url}: {output.tone(own['status'])}")
    for problem in own["problems"]:
        click.echo(f"  {harmless(problem)}")
    if report is None:
        click.echo("There is no full report yet; `sc ops health-check --full` makes one.")
    else:
        _draw(report)
    return exits.OK if is_well else exits.UNHEALTHY


def _last_report(api: Api) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.get(REPORTS)
        return found
    except ApiError as error:
        if error.code != "no-report":
            raise
        return None


def _new_report(api: Api, wait_s: float) -> dict[str, Any]:
    """Return the finished report. Raises Trouble when it does not end in time, or nothing is done at all."""
    deadline = time.monotonic() + wait_s
    with busy("Looking at everything"):
        try:
            report: dict[str, Any] = api.post(REPORTS, wait=min(wait_s, LONGEST_ANSWER_S))
        except ApiError as error:
            if error.code != "engine-silent":
                raise
            raise Trouble(error.detail, error.next_step, code=exits.UNHEALTHY) from None
        while report["state"] != "done":
            if time.monotonic() > deadline:
                raise Trouble(
                    f"the report did not end within {wait_s:.0f} s",
                    "`sc ops health-check` shows it once it has.",
                    code=exits.UNHEALTHY,
                )
            time.sleep(POLL_S)
            report = api.get(f"{REPORTS}/{segment(report['id'])}")
    return report


def _draw(report: dict[str, Any]) -> None:
    findings = report["findings"]
    rows = [[f["status"], f["name"], _where(f), f["detail"]] for f in findings]
    output.table(["state", "check", "where", "what was seen"], rows, empty="Nothing was looked at.", tones=(0,))
    bad = sum(f["status"] not in ("ok", "skipped") for f in findings)
    verdict = f"{bad} of {len(findings)} are not well" if bad else f"all {len(findings)} are well"
    word = "failed" if bad else "ok"
    click.echo(f"{output.tone(verdict, word)}, looked {output.ago(report['finished_at'])}")


def _where(finding: dict[str, Any]) -> str:
    return "@".join(each for each in (finding["service"], finding["environment"]) if each) or "StayCalm"


@command(
    example="sc ops verify-deployment --env=production",
    codes=(exits.UNHEALTHY,),
    timeout_s=VERIFY_S,
)
@click.option("--env", "environment", required=True, help="Environment to verify.")
@click.option("--service", help="Only this service.")
def verify_deployment(api: Api, as_json: bool, environment: str, service: str | None) -> int:
    """Run the smoke tests against what is live now. Exit code 8 when one fails or there is none."""
    with busy("Running smoke tests"):
        found: dict[str, Any] = api.post("/api/v1/deployments/verify", environment=environment, service=service)
    code = exits.OK if found["ok"] else exits.UNHEALTHY
    if as_json:
        output.print_json(found)
        return code
    rows = [
        ["ok" if c["ok"] else "failed", c["service"], c["deployment"], c["name"], output.span(c["took_s"]),
         c["detail"]]
        for c in found["checks"]
    ]  # fmt: skip
    headings = ["state", "service", "deployment", "check", "took", "what was seen"]
    output.table(headings, rows, empty="", tones=(0,), spare=(4, 2))
    for name in found["without_checks"]:
        click.echo(f"{output.tone('unknown')}  {name} declares no smoke tests; add them in staycalm.yaml.")
    failed = sum(not c["ok"] for c in found["checks"])
    total = len(found["checks"])
    if not total:
        click.echo(output.tone("nothing was verified", "failed"))
    else:
        click.echo(output.tone(f"{total - failed} of {total} passed", "failed" if failed else "ok"))
    return code
