"""Smoke tests that pass until told otherwise."""

from __future__ import annotations

from staycalm.ports.smoke import SmokeCheck, SmokeResult


class FakeSmoke:
    """Remembers what it was asked; `failing` maps a test's name to what it says."""

    def __init__(self) -> None:
        self.asked: list[SmokeCheck] = []
        self.failing: dict[str, str] = {}

    async def run(self, checks: tuple[SmokeCheck, ...]) -> tuple[SmokeResult, ...]:
        self.asked.extend(checks)
        return tuple(
            SmokeResult(
                check.name, check.name not in self.failing, 0.01, self.failing.get(check.name, "as expected")
            )
            for check in checks
        )
