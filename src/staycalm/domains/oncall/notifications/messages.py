"""The words of messages: pages, notices, the end of it, and the daily digest. First line: what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from staycalm.core.durations import format_duration
from staycalm.domains.oncall.notifications import html
from staycalm.domains.oncall.notifications.decisions import Kind
from staycalm.ports.messages import Message

MAX_SUBJECT = 180
# Nobody has to hurry for these: they carry no priority, so that no phone is woken by them.
QUIET: tuple[Kind, ...] = ("over", "digest")
BEFORE = "Just before"
STOP = "Do not send me this digest any more"


@dataclass(frozen=True, slots=True)
class Content:
    """What one message tells. `url_path` is the page about `subject`; `act_within_s` the time to acknowledge.

    `why` says why this person gets it, `text` is more to read, `is_last` that nobody comes after them. `after_you`
    is who does, and when; `change` what was changed there last, whose page is `change_path`. `groups` are
    headings with their lines, each (text, path or ""): what a digest consists of; `lead` is its first line.
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
    after_you: str = ""
    change: str = ""
    change_path: str = ""
    lead: str = ""
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

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
    stop_url: str | None = None,
    is_duplicate_possible: bool = False,
) -> Message:
    """Return the message as it leaves. Every link begins with `public_url`, never with a request's Host.

    `stop_url` ends messages of this kind for the person: only a digest has one.
    """
    base = public_url.rstrip("/")
    about = base + content.url_path
    first = _first_line(content, kind, acknowledge_url is not None)
    facts = _facts(content, kind, about)
    repeat = (
        "You may have had this message before: StayCalm was interrupted while sending it."
        if is_duplicate_possible
        else ""
    )
    groups = [
        html.Group(one_line(heading, 200), tuple((one_line(t, 400), base + p if p else "") for t, p in lines))
        for heading, lines in content.groups
    ]
    return Message(
        subject=_subject(content, kind, is_duplicate_possible),
        text=_text(first, acknowledge_url, content, facts, groups, repeat, stop_url),
        html=html.page(
            first=first,
            button=("Acknowledge", acknowledge_url) if acknowledge_url else None,
            facts=facts,
            links={BEFORE: base + content.change_path} if content.change_path else {},
            groups=groups,
            text=content.text,
            notes=[repeat] if repeat else [],
            stop=(STOP, stop_url) if stop_url else None,
        ),
        idempotency_key=key,
        priority=None if kind in QUIET else content.priority,
        action_url=acknowledge_url or about,
        unsubscribe_url=stop_url,
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
    if kind == "over":
        marks = f"[{content.priority} over] " if content.priority else "[Over] "
    elif kind in ("test", "digest"):
        marks = f"[{kind.capitalize()}] "
    tail = "" if kind == "digest" else f" ({content.subject})"
    tail += " (repeat)" if is_repeat else ""
    return marks + one_line(what, MAX_SUBJECT - len(marks) - len(tail)) + tail


def _first_line(content: Content, kind: Kind, can_acknowledge: bool) -> str:
    if kind == "test":
        return "Nothing to do: this is a test that was asked for. Pages will reach you here."
    if kind == "over":
        return one_line(f"Nothing to do any more: {content.lead or 'it is over'}", 400).rstrip(".") + "."
    if kind == "digest":
        return one_line(content.lead, 400)
    if not can_acknowledge:
        when = "when you have time" if content.priority in ("P2", "P3") else "now"
        return f"Look at it {when}. Nobody has to acknowledge it."
    within = f" within {format_duration(content.act_within_s)}" if content.act_within_s else ""
    if kind == "notice":
        return f"Acknowledge{within}, or you will be paged."
    before = " Nobody has answered so far." if (content.step or 1) > 1 else ""
    if content.is_last:
        return f"Acknowledge{within}: nobody is paged after you.{before}"
    return f"Acknowledge{within}, or the next person is paged.{before}"


def _facts(content: Content, kind: Kind, about: str) -> list[tuple[str, str]]:
    pairs = [
        ("What", content.title),
        ("Priority", content.priority or ""),
        ("Where", _where(content)),
        (BEFORE, content.change),
        ("Why you", content.why),
        ("After you", content.after_you),
        (content.subject, about),
    ]
    if kind == "digest":
        pairs = [("Everything", about)]
    return [(name, one_line(value, 1000)) for name, value in pairs if value]


def _text(
    first: str,
    link: str | None,
    content: Content,
    facts: list[tuple[str, str]],
    groups: list[html.Group],
    repeat: str,
    stop: str | None,
) -> str:
    lines = [first, *([link] if link else []), ""]
    for group in groups:
        lines += [group.heading, *(f"- {text}{f': {url}' if url else ''}" for text, url in group.lines), ""]
    lines += [f"{name}: {value}" for name, value in facts]
    if content.text:
        lines += ["", content.text.replace("\r\n", "\n").rstrip()]
    if repeat:
        lines += ["", repeat]
    if stop:
        lines += ["", f"{STOP}: {stop}"]
    return "\n".join(lines) + "\n"
