"""One counter, summed over the labels and instances of a revision."""

from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from staycalm.ports.metrics import Reading

BODY_LIMIT_BYTES = 4 * 1024 * 1024


class InstanceScraper:
    """Fills `InstanceCounters`. `close` leaves no connection open."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def read(
        self, endpoints: tuple[tuple[str, int], ...], *, path: str, counter: str, timeout_s: float = 2.0
    ) -> Reading:
        """Return the sum over all instances; no data when any of them does not show the counter."""
        if not endpoints:
            return Reading("no_data", detail="no instance runs")
        found = await asyncio.gather(
            *(self._one(host, port, path, counter, timeout_s) for host, port in endpoints)
        )
        values = [each for each in found if isinstance(each, float)]
        if len(values) < len(found):
            return Reading("no_data", detail=next(each for each in found if isinstance(each, str)))
        return Reading("value", sum(values), sample_count=len(values), freshness_s=0.0)

    async def close(self) -> None:
        """No connection is left open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _one(self, host: str, port: int, path: str, counter: str, timeout_s: float) -> float | str:
        """Return the counter of one instance, or in words why there is none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        where = f"http://{host}:{port}{path}"
        try:
            limit = aiohttp.ClientTimeout(total=timeout_s)
            async with self._session.get(where, timeout=limit, allow_redirects=False) as answer:
                if answer.status != 200:
                    return f"{where} answers HTTP {answer.status}"
                text = (await answer.content.read(BODY_LIMIT_BYTES)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"{where} does not answer ({type(error).__name__})"
        total = sum_of(text, counter)
        return f"{where} has no counter {counter}" if total is None else total


def sum_of(text: str, counter: str) -> float | None:
    """Return the counter's sum over its labels, None when it is not there or the text is not in the format."""
    try:
        samples = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == counter
        ]
    except ValueError:
        return None
    return float(sum(samples)) if samples else None
