"""Smoke tests are looks that must all pass, one after the other."""

from __future__ import annotations

from staycalm.adapters.probes.adapter import LocalProber
from staycalm.ports.probes import Probe
from staycalm.ports.smoke import SmokeCheck, SmokeResult


class LocalSmokeRunner:
    """Runs each check with the prober, in order; the first failure does not hide later ones."""

    def __init__(self, prober: LocalProber) -> None:
        self._prober = prober

    async def run(self, checks: tuple[SmokeCheck, ...]) -> tuple[SmokeResult, ...]:
        """Return one result per check, in order; never raises but on cancellation."""
        results = []
        for check in checks:
            seen = await self._prober.look(_probe(check))
            results.append(SmokeResult(check.name, seen.ok, seen.took_s, seen.detail))
        return tuple(results)


def _probe(check: SmokeCheck) -> Probe:
    if check.kind == "command":
        return Probe(
            "command",
            command=(check.command,),
            timeout_s=check.timeout_s,
            environment=check.environment,
        )
    return Probe(
        "http",
        target=check.url,
        timeout_s=check.timeout_s,
        host_header=check.host_header,
        expect_status=check.expect_status,
        expect_body=check.expect_body,
        checks_certificate=False,
    )
