"""Any deploy tool and any load balancer, through commands from the server's own settings."""

from staycalm.adapters.exec.commands import Commands, NamesOf
from staycalm.adapters.exec.router import ExecRouter
from staycalm.adapters.exec.settings import Command, ExecSettings
from staycalm.adapters.exec.target import ExecTarget

__all__ = ["Command", "Commands", "ExecRouter", "ExecSettings", "ExecTarget", "NamesOf"]
