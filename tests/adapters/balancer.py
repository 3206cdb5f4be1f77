"""A load balancer that is driven by commands: a directory of files, and the commands are shell scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from staycalm.adapters.exec import Command, ExecRouter, ExecSettings
from staycalm.core.placement import Placement
from staycalm.kit.clock import SystemClock
from staycalm.ports.traffic import Endpoint, Listener, RouteSpec, Split

SHOP = Placement("shop", "production")
CANARY = Split("blue", "green", 10.0, preview_token="tok")
ROUTE = RouteSpec(
    SHOP,
    Listener("127.0.0.1", 8080),
    hosts=("shop.example",),
    candidate_hosts=("green.shop.example",),
    members={"blue": (Endpoint("10.0.0.1", 80), Endpoint("10.0.0.2", 80)), "green": (Endpoint("10.0.0.3", 80),)},
    health_path="/health",
)


async def no_names(_: Placement) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Balancer:
    """A directory of files: `weight` it has, `told` is every set-weight command's weight in order."""

    directory: Path

    def weight(self) -> str:
        return (self.directory / "weight").read_text().strip()

    def told(self) -> list[str]:
        path = self.directory / "told"
        return path.read_text().split() if path.exists() else []

    def router(self, **scripts: str) -> ExecRouter:
        given = {
            "set-weight": "echo $SC_WEIGHT >> told; env > env; echo $SC_WEIGHT > new; mv new weight",
            "read-weight": "cat weight",
            **{name.replace("_", "-"): script for name, script in scripts.items()},
        }
        commands = {
            name: Command(("sh", "-c", f"cd '{self.directory}' && {{ {script}; }}"), 30.0)
            for name, script in given.items()
        }
        return ExecRouter(
            ExecSettings(commands=commands), no_names, SystemClock(), directory=self.directory / "memory"
        )

    def variables(self) -> dict[str, str]:
        lines = (self.directory / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith("SC_"))
