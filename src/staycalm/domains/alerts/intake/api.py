"""The webhook: a plain route without pydantic, which answers 2xx after the commit and not before."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from staycalm.core.actor import Actor
from staycalm.core.errors import Invalid
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.intake.service import Told
from staycalm.domains.alerts.intake.wire import BODY_LIMIT_BYTES, read_reports
from staycalm.kit.http import Guard, Permission

WEBHOOK_PATH = "/api/v1/alerts/webhook"
WEBHOOK_PERMISSION = Permission("alerts", "write")
_ENCODER = msgspec.json.Encoder()


async def receive(request: Request) -> Response:
    """Every report in the body is taken in. `action` is open, change, close, or nothing (known already)."""
    guard: Guard = request.app.state.guard
    actor: Actor = await guard(request, WEBHOOK_PERMISSION)
    edge: AlertsEdge = request.app.state.alerts
    reports = read_reports(await _body(request))
    taken = await edge.intake.submit([Told(actor, report) for report in reports])
    alerts = [{"id": each.alert_id, "group": each.group_id, "action": each.action} for each in taken]
    return Response(_ENCODER.encode({"taken": len(alerts), "alerts": alerts}), media_type="application/json")


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_LIMIT_BYTES:
            raise Invalid("too-large", f"the body may have {BODY_LIMIT_BYTES} bytes at most")
    return bytes(read)
