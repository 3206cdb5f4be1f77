"""Every failure is one sentence and what to do next, with a documented exit code; never a traceback."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from typing import Any

import click

from staycalm.cli import exits
from staycalm.client.api import ApiError, Unreachable
from staycalm.client.connection import NoServer
from staycalm.core.text import one_line

SENTENCE_LIMIT = 2000


class Trouble(Exception):
    """A command cannot go on: a sentence, what to do next, and the exit code."""

    def __init__(self, message: str, next_step: str = "", *, code: int) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.code = code


def fail(message: str, next_step: str = "", *, code: int) -> int:
    """The refusal is on standard error; returns the exit code."""
    line = f"sc: {one_line(message, SENTENCE_LIMIT)}"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        line = click.style(line, fg="red")
    click.echo(line, err=True)
    if next_step:
        click.echo(one_line(next_step, SENTENCE_LIMIT), err=True)
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
        return fail(f"{where}{error.strerror or error}", code=exits.REFUSED)
    raise error


def _explain_usage(error: click.ClickException) -> int:
    ctx = getattr(error, "ctx", None)
    hint = f"`{ctx.command_path} --help` shows how." if ctx is not None else ""
    message = error.format_message()
    return fail(message, "" if "`sc" in message else hint, code=exits.USAGE)


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
    near = get_close_matches(asked, [str(each) for each in known], n=1, cutoff=0.5)
    return near[0] if near else ""
