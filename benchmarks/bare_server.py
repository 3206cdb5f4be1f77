"""The floor: the product's HTTP server, event loop and socket options, around an answer that does nothing.

`python benchmarks/bare_server.py PORT`
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn

from staycalm.app.patience import PatientProtocol

BODY = b'{"taken":1,"alerts":[{"id":"00000000-0000-7000-8000-000000000000","group":"ALG-1","action":"nothing"}]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """The body was read; nothing was done."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    config = uvicorn.Config(
        answer, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off", http=PatientProtocol,
        server_header=False,
    )  # fmt: skip
    with asyncio.Runner() as runner:
        runner.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
