"""A client of one ASGI application, one request at a time, without redirects."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


class Browser:
    """Every request runs to its end before it returns."""

    def __init__(self, app: FastAPI, **headers: str) -> None:
        self._app = app
        self._headers = headers

    def get(self, path: str, **named: Any) -> httpx.Response:
        return self.ask("GET", path, **named)

    def post(self, path: str, **named: Any) -> httpx.Response:
        return self.ask("POST", path, **named)

    def delete(self, path: str, **named: Any) -> httpx.Response:
        return self.ask("DELETE", path, **named)

    def ask(self, method: str, path: str, **named: Any) -> httpx.Response:
        async def story() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url="https://calm.example", headers=self._headers
            ) as client:
                return await client.request(method, path, **named)

        return asyncio.run(story())
