"""`sc`: finds the command, runs it, and says every failure in one sentence and what to do next."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import click

from staycalm import __version__
from staycalm.cli import exits, output
from staycalm.cli.command import SERVER, TOKEN
from staycalm.cli.errors import Trouble, explain, fail, nearest
from staycalm.client.api import ApiError, Unreachable
from staycalm.client.connection import NoServer

TOP = {
    "up": "staycalm.cli.server:up",
    "down": "staycalm.cli.ending:down",
    "demo": "staycalm.cli.server:demo",
    "init": "staycalm.cli.config:init",
    "plan": "staycalm.cli.config:plan",
    "apply": "staycalm.cli.config:apply",
    "login": "staycalm.cli.session:login",
    "logout": "staycalm.cli.session:logout",
    "whoami": "staycalm.cli.session:whoami",
    "ops": "staycalm.cli.ops:ops",
    "oncall": "staycalm.cli.oncall:oncall",
    "people": "staycalm.cli.people:people",
    "token": "staycalm.cli.tokens:token",
    "contact": "staycalm.cli.own:contact",
    "session": "staycalm.cli.own:session",
    "logs": "staycalm.cli.logs:logs",
    "backup": "staycalm.cli.server:backup",
    "restore": "staycalm.cli.server:restore",
    "watch": "staycalm.cli.watch:watch",
    "completion": "staycalm.cli.completion:completion",
    "help": "staycalm.cli.manual:manual",
}
OPS = {
    "status": "staycalm.cli.status:status",
    "deployments": "staycalm.cli.deployments:deployments",
    "deploy": "staycalm.cli.deploy:deploy",
    "rollback": "staycalm.cli.deployments:rollback",
    "promote": "staycalm.cli.deployments:promote",
    "pause": "staycalm.cli.deployments:pause",
    "resume": "staycalm.cli.deployments:resume",
    "abort": "staycalm.cli.deployments:abort",
    "alerts": "staycalm.cli.alerts:alerts",
    "acknowledge": "staycalm.cli.alerts:acknowledge",
    "silence": "staycalm.cli.alerts:silence",
    "maintenance": "staycalm.cli.maintenance:maintenance",
    "incident": "staycalm.cli.incidents:incident",
    "incidents": "staycalm.cli.incidents:incidents",
    "report": "staycalm.cli.reports:report",
    "incident-report": "staycalm.cli.reports:incident_report",
    "post-mortem": "staycalm.cli.postmortem:post_mortem",
    "action": "staycalm.cli.actions:action",
    "note": "staycalm.cli.steering:note",
    "role": "staycalm.cli.steering:role",
    "priority": "staycalm.cli.steering:priority",
    "reopen": "staycalm.cli.steering:reopen",
    "close": "staycalm.cli.steering:close",
    "mitigate": "staycalm.cli.incidents:mitigate",
    "resolve": "staycalm.cli.incidents:resolve",
    "health-check": "staycalm.cli.health:health_check",
    "verify-deployment": "staycalm.cli.health:verify_deployment",
}
ACTIONS = {
    "list": "staycalm.cli.actions:list_actions",
    "add": "staycalm.cli.actions:add",
    "change": "staycalm.cli.actions:change",
    "done": "staycalm.cli.actions:done",
    "drop": "staycalm.cli.actions:drop",
    "reopen": "staycalm.cli.actions:reopen",
}
TOKENS = {
    "create": "staycalm.cli.tokens:create",
    "list": "staycalm.cli.tokens:list_tokens",
    "revoke": "staycalm.cli.tokens:revoke",
}
CONTACTS = {
    "list": "staycalm.cli.own:list_contacts",
    "add": "staycalm.cli.own:add_contact",
    "test": "staycalm.cli.own:test_contact",
    "move": "staycalm.cli.own:move_contact",
    "remove": "staycalm.cli.own:remove_contact",
}
SESSIONS = {"list": "staycalm.cli.own:list_sessions", "end": "staycalm.cli.own:end_session"}
ONCALL = {
    "override": "staycalm.cli.standing:override",
    "take": "staycalm.cli.standing:take",
    "swap": "staycalm.cli.standing:swap",
    "link": "staycalm.cli.oncall_link:link",
}
PEOPLE = {
    "list": "staycalm.cli.people:list_people",
    "show": "staycalm.cli.people:show",
    "invite": "staycalm.cli.people:invite",
    "roles": "staycalm.cli.people:roles",
    "deactivate": "staycalm.cli.people:deactivate",
    "reactivate": "staycalm.cli.people:reactivate",
    "link": "staycalm.cli.people:link",
}
GROUPS = {
    "sc ops": OPS,
    "sc ops action": ACTIONS,
    "sc oncall": ONCALL,
    "sc people": PEOPLE,
    "sc token": TOKENS,
    "sc contact": CONTACTS,
    "sc session": SESSIONS,
    "sc": TOP,
}


class Commands(click.Group):
    """A group whose commands are imported only when they run: `sc` starts in the time one of them takes."""

    def __init__(self, table: dict[str, str], **named: Any) -> None:
        super().__init__(**named)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module, _, name = self._table[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self._table and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command `{args[0]}`.{_hint(args[0], self._table, ctx)}", ctx)
        return super().resolve_command(ctx, args)


def _hint(asked: str, table: dict[str, str], ctx: click.Context) -> str:
    """Return what may have been meant: the same word in another group, else a near one here or there."""
    for group, commands in GROUPS.items():
        if asked in commands:
            return f" Did you mean `{group} {asked}`?"
    near = nearest(asked, list(table))
    if near:
        return f" Did you mean `{ctx.command_path} {near}`?"
    for group, commands in GROUPS.items():
        near = nearest(asked, list(commands))
        if near:
            return f" Did you mean `{group} {near}`?"
    return f" `{ctx.command_path} --help` lists them."


@click.group(
    cls=Commands, table=TOP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@SERVER
@TOKEN
@click.version_option(__version__, prog_name="sc")
def sc(server: str | None, token: str | None) -> None:
    """StayCalm: ship, notice, roll back, page, and run the incident.

    \b
    sc demo                         see the whole loop in two minutes
    sc up                           run the server
    sc ops deploy shop ./build --env=production
    sc help exit-codes              what scripts can rely on
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `sc`; ends the process with a documented exit code and never shows a traceback for a refusal."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Return the exit code of `sc ARGUMENTS`."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows a question mark: no output is worth a failure.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if "_SC_COMPLETE" in os.environ:
        from staycalm.cli.shells import register

        register()
    forced: dict[str, Any] = {"color": True} if output.has_colours() and not sys.stdout.isatty() else {}
    try:
        result = sc.main(arguments, prog_name="sc", standalone_mode=False, **forced)
        return result if isinstance(result, int) else exits.OK
    except click.exceptions.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        return fail("interrupted", code=exits.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except (click.Abort, click.ClickException, Trouble, NoServer, Unreachable, ApiError, OSError) as error:
        return explain(error)
