"""Pages: Jinja2 templates that live with their domain, drawn with one layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from staycalm.core.actor import SYSTEM
from staycalm.core.durations import format_duration
from staycalm.kit.clock import Clock

# What has a page of its own, by the beginning of its id.
_PAGES = {
    "INC": "incidents", "DEP": "deployments", "ALG": "alerts", "ACT": "incidents/actions", "REL": "releases",
    "SIL": "alerts/silences", "MNT": "alerts/maintenances",
}  # fmt: skip
_ID = re.compile(rf"\b({'|'.join(_PAGES)})-\d{{1,12}}\b")


def linked(text: str) -> Markup:
    """Return the text, escaped, in which every id leads to its page."""
    return Markup(_ID.sub(lambda found: f'<a href="/{_PAGES[found[1]]}/{found[0]}">{found[0]}</a>', escape(text)))


def who(author: str) -> str:
    """Return the name of an author as people say it: `service:ci` is ci, the system is StayCalm."""
    kind, _, id = author.partition(":")
    return SYSTEM.name if author == str(SYSTEM) else id or kind


def _utc(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else ""


def _sources(folders: Mapping[str, Path]) -> dict[str, str]:
    # Read once: a page must not mix the code that runs with the templates of the version being installed.
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": file.read_text(encoding="utf-8")
        for name, folder in folders.items()
        for file in folder.rglob("*.html")
    }


class _Compiled(jinja2.BytecodeCache):
    """What was compiled once in this process is not compiled again: all of it takes a second."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (code := self._code.get((bucket.key, bucket.checksum))) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


class Views:
    """Draws templates named `DOMAIN/FILE.html`, found in that domain's `templates` folder."""

    def __init__(self, folders: Mapping[str, Path], clock: Clock) -> None:
        self._clock = clock
        self.environment = jinja2.Environment(
            loader=jinja2.DictLoader(_sources(folders)),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            bytecode_cache=_COMPILED,
        )
        self.environment.filters.update(utc=_utc, duration=format_duration, ago=self._ago, linked=linked, who=who)

    def _ago(self, value: datetime | None) -> str:
        if value is None:
            return "never"
        seconds = (self._clock.now() - value).total_seconds()
        return f"{format_duration(seconds)} ago" if seconds >= 0 else f"in {format_duration(-seconds)}"

    def fragment(self, template: str, **context: Any) -> str:
        """Return the drawn template as text, for a live update."""
        return self.environment.get_template(template).render(now=self._clock.now(), **context)

    def page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Return the drawn page; `request` and the signed-in `actor` (or None) are in the context."""
        actor = getattr(request.state, "actor", None)
        return HTMLResponse(self.fragment(template, request=request, actor=actor, **context), status_code=status)

    def error(self, request: Request, *, status: int, title: str, detail: str, next_step: str) -> HTMLResponse:
        """Return the error page; 401 leads to the log-in."""
        return self.page(
            request,
            "web/error.html",
            status=status,
            status_code=status,
            title=title,
            detail=detail,
            next_step=next_step,
        )


def view(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return the page drawn by the application's views."""
    views: Views = request.app.state.views
    return views.page(request, template, status=status, **context)
