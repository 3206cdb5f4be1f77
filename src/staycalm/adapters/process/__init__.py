"""Revisions as processes of this machine, each under a small supervisor that outlives the server."""

from staycalm.adapters.process.settings import ProcessSettings
from staycalm.adapters.process.target import ProcessTarget

__all__ = ["ProcessSettings", "ProcessTarget"]
