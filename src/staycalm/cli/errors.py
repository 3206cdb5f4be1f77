"""Every failure is one sentence and what to do next, with a documented exit code; never a traceback."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import click

from staycalm.cli import exits, output
from staycalm.cli.measure import harmless
from staycalm.client.api import ApiError, Unreachable
from staycalm.client.connection import NoServer

SENTENCE_LIMIT = 2000
SAME_WORD, SAME_ID = 0.5, 0.8
WAYS_OUT = {
    errno.ENOENT: "Check the path: every directory in it has to be there.",
    errno.EACCES: "Check who may read and write there, or run it as that user.",
    errno.ENOSPC: "Free some space, or write elsewhere.",
    errno.EISDIR: "Name a file in it.",
    errno.ENOTDIR: "Check the path: a part of it is a file.",
}


class Trouble(Exception):
    """A command cannot go on: a sentence, what to do next, and the exit code."""

    def __init__(self, message: str, next_step: str = "", *, code: int) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.code = code


def fail(message: str, next_step: str = "", *, code: int) -> int:
    """The refusal is on standard error; returns the exit code."""
    output.complain(f"sc: {harmless(message, SENTENCE_LIMIT)}", fg="red")
    if next_step:
        output.complain(harmless(next_step, SENTENCE_LIMIT))
    return code


def explain(error: Exception) -> int:
    """The failure was said; returns its exit code. Raises what is no failure a person can act on."""
    if isinstance(error, click.Abort):
        return fail("interrupted", code=exits.INTERRUPTED)
    if isinstance(error, click.ClickException):
        return _explain_usage(error)
    if isinstance(error, Trouble):
        return fail(str(error), error.next_step, code=error.code)
    if isinstance(error, (NoServer, Unreachable)):
        return fail(str(error), error.next_step, code=exits.UNREACHABLE)
    if isinstance(error, ApiError):
        return _explain_refusal(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{error.strerror or error}", WAYS_OUT.get(error.errno or 0, ""), code=exits.REFUSED)
    raise error


def _explain_usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        # Who types a group alone asks what there is: its help, as it is laid out, and no refusal.
        output.complain(error.format_message())
        return exits.USAGE
    ctx = getattr(error, "ctx", None)
    hint = f"`{ctx.command_path} --help` shows how." if ctx is not None else ""
    message = error.format_message()
    if isinstance(error, click.NoSuchOption):
        near = f" Did you mean `{error.possibilities[0]}`?" if error.possibilities else ""
        message = f"There is no option `{error.option_name}`.{near}"
    elif isinstance(error, click.BadParameter) and (near_choice := _near_choice(error)):
        message = f"{message} Did you mean `{near_choice}`?"
    return fail(message, "" if "`sc" in message else hint, code=exits.USAGE)


def _near_choice(error: click.BadParameter) -> str:
    """Return the choice nearest to the value that was refused; click quotes it first."""
    choices = getattr(getattr(error.param, "type", None), "choices", ())
    asked = error.message.partition("'")[2].partition("'")[0]
    return nearest(asked, [str(each) for each in choices])


def _explain_refusal(error: ApiError) -> int:
    hint = error.next_step
    if error.status == 401 and not hint:
        hint = "Sign in with `sc login`, or set SC_TOKEN."
    near = _nearest(error.problem)
    if near:
        hint = f"Did you mean `{near}`? {hint}".strip()
    return fail(error.detail, hint, code=exits.of_status(error.status))


def _nearest(problem: dict[str, Any]) -> str:
    """Return the candidate nearest to what was asked for, where the server names both; else empty."""
    asked, known = problem.get("asked"), problem.get("known")
    if not isinstance(asked, str) or not isinstance(known, list):
        return ""
    return nearest(asked, [str(each) for each in known])


def nearest(asked: str, known: Sequence[str]) -> str:
    """Return what was probably meant, empty when nothing is near. Ids with a number must be very near.

    A number alone means the id that ends with it.
    """
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    cutoff = SAME_ID if any(each.isdigit() for each in asked) else SAME_WORD
    if asked.isdigit():
        near = [each for each in by_lower if each.endswith(f"-{asked}")]
    else:
        near = get_close_matches(asked.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else ""
