"""The words of pages and notices. First line: what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from html import escape
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.domains.oncall.notifications.decisions import Kind
from staycalm.ports.messages import Message

MAX_SUBJECT = 180


@dataclass(frozen=True, slots=True)
class Content:
    """What one message tells. `url_path` is the page about `subject`; `act_within_s` the time to acknowledge.

    `why` says why this person gets it, `text` is more to read, `is_last` that nobody comes after them.
    """

    subject: str
    title: str
    priority: str | None = None
    service: str | None = None
    environment: str | None = None
    url_path: str = "/"
    why: str = ""
    text: str = ""
    step: int | None = None
    act_within_s: float | None = None
    is_last: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what the row stores."""
        return asdict(self)

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Content:
        """Return the content that `as_json` wrote; fields of newer code are ignored."""
        known = {f.name for f in fields(Content)}
        return Content(**{k: v for k, v in stored.items() if k in known})


def compose(
    content: Content,
    *,
    kind: Kind,
    person: str,
    key: str,
    public_url: str,
    acknowledge_url: str | None = None,
    is_duplicate_possible: bool = False,
) -> Message:
    """Return the message as it leaves. Every link begins with `public_url`, never with a request's Host."""
    about = public_url.rstrip("/") + content.url_path
    first = _first_line(content, kind, acknowledge_url is not None)
    facts = _facts(content, about)
    repeat = (
        "You may have had this message before: StayCalm was interrupted while sending it."
        if is_duplicate_possible
        else ""
    )
    return Message(
        subject=_subject(content, kind, is_duplicate_possible),
        text=_text(first, acknowledge_url, content, facts, repeat),
        html=_html(first, acknowledge_url, content, facts, repeat),
        idempotency_key=key,
        priority=content.priority,
        action_url=acknowledge_url or about,
        is_duplicate_possible=is_duplicate_possible,
        data={
            "kind": kind,
            "id": key,
            "subject": content.subject,
            "title": content.title,
            "priority": content.priority,
            "service": content.service,
            "environment": content.environment,
            "person": person,
            "step": content.step,
            "url": about,
            "acknowledge_url": acknowledge_url,
            "is_duplicate_possible": is_duplicate_possible,
        },
    )


def one_line(text: str, limit: int) -> str:
    """Return the text without line breaks and control characters, cut to `limit` characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _where(content: Content) -> str:
    if content.service and content.environment:
        return f"{content.service}@{content.environment}"
    return content.service or content.environment or ""


def _subject(content: Content, kind: Kind, is_repeat: bool) -> str:
    where = _where(content)
    what = f"{where}: {content.title}" if where else content.title
    marks = f"[{content.priority}] " if content.priority else ""
    if kind == "test":
        marks = "[Test] "
    tail = f" ({content.subject})" + (" (repeat)" if is_repeat else "")
    return marks + one_line(what, MAX_SUBJECT - len(marks) - len(tail)) + tail


def _first_line(content: Content, kind: Kind, can_acknowledge: bool) -> str:
    if kind == "test":
        return "Nothing to do: this is a test that was asked for. Pages will reach you here."
    if not can_acknowledge:
        return one_line(content.title, 400)
    within = f" within {format_duration(content.act_within_s)}" if content.act_within_s else ""
    if kind == "notice":
        return f"Acknowledge{within}, or you will be paged."
    if content.is_last:
        return f"Acknowledge{within}: nobody is paged after you."
    return f"Acknowledge{within}, or the next person is paged."


def _facts(content: Content, about: str) -> list[tuple[str, str]]:
    pairs = [
        ("What", content.title),
        ("Priority", content.priority or ""),
        ("Where", _where(content)),
        ("Why you", content.why),
        (content.subject, about),
    ]
    return [(name, one_line(value, 1000)) for name, value in pairs if value]


def _text(first: str, link: str | None, content: Content, facts: list[tuple[str, str]], repeat: str) -> str:
    lines = [first, *([link] if link else []), ""]
    lines += [f"{name}: {value}" for name, value in facts]
    if content.text:
        lines += ["", content.text.replace("\r\n", "\n").rstrip()]
    if repeat:
        lines += ["", repeat]
    return "\n".join(lines) + "\n"


def _html(first: str, link: str | None, content: Content, facts: list[tuple[str, str]], repeat: str) -> str:
    button = ""
    if link:
        style = (
            "display:inline-block;padding:12px 24px;background:#b3261e;color:#ffffff;"
            "font-weight:bold;text-decoration:none;border-radius:6px"
        )
        button = f'<p><a href="{escape(link)}" style="{style}">Acknowledge</a></p>'
    rows = "".join(
        f'<tr><th align="left" style="padding:2px 12px 2px 0">{escape(name)}</th><td>{cell}</td></tr>'
        for name, cell in _cells(facts)
    )
    more = f'<pre style="white-space:pre-wrap">{escape(content.text)}</pre>' if content.text else ""
    again = f"<p>{escape(repeat)}</p>" if repeat else ""
    return (
        '<!doctype html><html lang="en"><body style="font-family:sans-serif">'
        f"<p><strong>{escape(first)}</strong></p>{button}<table>{rows}</table>{more}{again}</body></html>"
    )


def _cells(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the facts escaped; the last one, our own address, is the only link."""
    told = [(name, escape(value)) for name, value in facts]
    name, about = told[-1]
    return [*told[:-1], (name, f'<a href="{about}">{about}</a>')]
