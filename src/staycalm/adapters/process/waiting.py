"""Waiting for a revision to become healthy, for callers that have nothing else to do meanwhile."""

from __future__ import annotations

import asyncio

from staycalm.kit.clock import Clock
from staycalm.ports.deploy import DeployTarget, RevisionSpec, RevisionStatus
from staycalm.ports.errors import NotReady

LOG_LINES = 20


async def wait_ready(target: DeployTarget, spec: RevisionSpec, clock: Clock) -> RevisionStatus:
    """Return the status once every instance is ready.

    Raises NotReady after `health.start_deadline_s`, saying which instance is in what state, with the last
    lines that the revision logged.
    """
    deadline_s = clock.monotonic() + spec.health.start_deadline_s
    while not (status := await target.status(spec)).is_ready:
        if clock.monotonic() >= deadline_s:
            lines = await target.logs(spec.revision, tail=LOG_LINES)
            raise NotReady(_complaint(spec, status), tuple(line.text for line in lines))
        await asyncio.sleep(spec.health.interval_s)
    return status


def _complaint(spec: RevisionSpec, status: RevisionStatus) -> str:
    states = [
        f"instance {i.number} is {i.readiness}" + (f" ({i.exit_reason})" if i.exit_reason else "")
        for i in status.instances
        if i.readiness != "ready"
    ]
    what = ", ".join(states) or "nothing runs"
    return f"{spec.revision} is not healthy after {spec.health.start_deadline_s:g} s: {what}"
