"""The commands that StayCalm may run for others. The catalog only names them; what they are is said here."""

from __future__ import annotations

from dataclasses import dataclass

from staycalm.kit.settings import setting


@dataclass(frozen=True)
class Command:
    """`exec.commands.<name>.*`."""

    argv: tuple[str, ...] = setting(doc="Program and arguments; run as they are, without a shell.")
    timeout_s: float = setting(60.0, unit="s", doc="The command and all it started in its group is killed then.")
    pass_environment: tuple[str, ...] = setting(
        (), doc="Variables of the server that the command gets besides PATH, HOME, USER, LANG and TZ."
    )


@dataclass(frozen=True)
class ExecSettings:
    """`exec.*`."""

    commands: dict[str, Command] = setting(factory=dict, doc="Commands by the name that the catalog uses.")
    directory: str = setting(
        "exec", doc="Where generations and endpoints are remembered; a relative path is below the data directory."
    )
    weight_tolerance: float = setting(
        0.5, unit="percent", doc="How far the weight that is read back may be from the one that was set."
    )
