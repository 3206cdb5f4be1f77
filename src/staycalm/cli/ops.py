"""`sc ops`: what an operator does all day."""

from __future__ import annotations

import click

from staycalm.cli.main import OPS, Commands


@click.group(cls=Commands, table=OPS)
def ops() -> None:
    """Production: status, deployments, alerts, incidents, health."""
