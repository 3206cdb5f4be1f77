"""A placement is one service in one environment: the key of every router and target call."""

from __future__ import annotations

import re
from dataclasses import dataclass

from staycalm.core.errors import Invalid

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def check_name(name: str, what: str = "name") -> str:
    """Return `name` when it is a DNS label (RFC 1123 section 2.1, lower case); else raise Invalid."""
    if not _NAME.match(name):
        raise Invalid(
            "bad-name",
            f"{what} {name!r} is not a valid name",
            next_step="Use 1-63 lower-case letters, digits and inner hyphens.",
        )
    return name


@dataclass(frozen=True, slots=True, order=True)
class Placement:
    """One service in one environment, written `shop@production`."""

    service: str
    environment: str

    def __str__(self) -> str:
        return f"{self.service}@{self.environment}"

    @staticmethod
    def parse(text: str) -> Placement:
        """Return the placement that `str()` printed; raises Invalid on anything else."""
        service, at, environment = text.partition("@")
        if not at:
            raise Invalid("bad-placement", f"{text!r} is not SERVICE@ENVIRONMENT")
        return Placement(check_name(service, "service"), check_name(environment, "environment"))
