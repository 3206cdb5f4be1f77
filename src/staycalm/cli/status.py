"""`sc ops status`: production on one screen."""

from __future__ import annotations

import time

import click

from staycalm.cli import exits, output
from staycalm.cli.command import command
from staycalm.cli.look import look, verdict
from staycalm.cli.screen import draw
from staycalm.client.api import Api, Unreachable

ANSWER_S = 10.0


@command(example="sc ops status --watch", codes=(exits.UNHEALTHY,), timeout_s=ANSWER_S)
@click.option("--watch", is_flag=True, help="Stay, and refresh in place; q ends it.")
@click.option("--every", "every_s", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds.")
def status(api: Api, as_json: bool, watch: bool, every_s: float) -> int:
    """Show what is live, how it does, and who has the pager. Exit code 8 when something P0 or P1 is open."""
    if watch and output.is_terminal() and not as_json:
        from staycalm.cli.dashboard import watch_until_quit

        return watch_until_quit(lambda: look(api), every_s)
    if watch:
        return _repeat(api, as_json, every_s)
    now = look(api)
    if as_json:
        output.print_json(now)
    else:
        room = output.width()
        click.echo("\n".join(draw(now, room, None if room is None else output.size()[1] - 1)))
    return verdict(now)


def _repeat(api: Api, as_json: bool, every_s: float) -> int:
    """Print one picture after the other, for a pipe, until Ctrl-C. A server that is silent is asked again."""
    code = exits.OK
    try:
        while True:
            try:
                now = look(api)
                code = verdict(now)
                lines = draw(now, None)
            except Unreachable as error:
                now, code, lines = {"ok": False, "problem": str(error)}, exits.UNREACHABLE, [str(error)]
            if as_json:
                output.print_json(now)
            else:
                click.echo("\n".join([*lines, ""]))
            time.sleep(every_s)
    except KeyboardInterrupt:
        return code
