"""One message as one mail (RFC 5322, RFC 2046). Pure: what is told becomes bytes, and nothing else."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from staycalm.core.text import encodable, has_control, one_line
from staycalm.ports.errors import InvalidSpec
from staycalm.ports.messages import Message

MAX_ADDRESS = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_URI = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+\Z", re.ASCII)
_IMPORTANCE = {"P0": "high", "P1": "high", "P2": "normal", "P3": "low"}
REPEAT = "This may be a repeat: it is not known whether the first copy was sent."


def normal_address(address: str) -> str:
    """Return `local@domain` with the domain in lower-case ASCII (RFC 5321 section 4.1.2, dot-string only).

    Raises InvalidSpec on anything else: display names, quoted local parts, several addresses, line breaks.
    """
    local, at, domain = address.strip(" ").rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_domain = ""
    labels_ok = bool(ascii_domain) and all(_LABEL.match(label) for label in ascii_domain.split("."))
    normal = f"{local}@{ascii_domain}"
    if not at or not labels_ok or not _LOCAL.match(local) or len(local) > 64 or len(normal) > MAX_ADDRESS:
        raise InvalidSpec(f"{one_line(address, 80)!r} is not an e-mail address; write one like ada@example.com")
    return normal


def header_text(value: str, name: str) -> str:
    """Return `value`; raises InvalidSpec when it holds a line break or another control character."""
    if has_control(value):
        raise InvalidSpec(f"the mail's {name} holds a line break or control character; it was not sent")
    return value


def _uri(value: str) -> str:
    """Return an http(s) address that can stand between angle brackets; raises InvalidSpec."""
    if not _URI.match(value):
        raise InvalidSpec(f"{one_line(value, 80)!r} is not an address to unsubscribe at; the mail was not sent")
    return value


def message_id(idempotency_key: str, sender: str) -> str:
    """Return the same Message-ID for every try of one notification, so that mail clients fold repeats."""
    digest = hashlib.sha256(idempotency_key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{digest[:40]}@{sender.rpartition('@')[2]}>"


def compose(address: str, message: Message, *, sender: str, sender_name: str, at: datetime) -> EmailMessage:
    """Return the mail as text and HTML. Raises InvalidSpec where a header would hold a line break."""
    mail = EmailMessage(policy=SMTP)
    local, _, domain = sender.rpartition("@")
    try:
        mail["From"] = Address(header_text(sender_name, "sender name"), local, domain)
        mail["To"] = header_text(address, "address")
        # A stray line break in an alert's summary must neither start a header nor keep a page from leaving.
        mail["Subject"] = one_line(message.subject)
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = message_id(message.idempotency_key, sender)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
        mail["X-StayCalm-Key"] = header_text(message.idempotency_key, "idempotency key")
        if message.priority is not None:
            mail["X-StayCalm-Priority"] = header_text(message.priority, "priority")
            mail["Importance"] = _IMPORTANCE.get(message.priority, "normal")
        if message.unsubscribe_url is not None:
            mail["List-Unsubscribe"] = f"<{_uri(message.unsubscribe_url)}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        if message.is_duplicate_possible:
            mail["X-StayCalm-Possible-Duplicate"] = "yes"
    except (ValueError, MessageError) as error:
        raise InvalidSpec(f"a header of the mail cannot be written: {error}") from None
    mail.set_content(encodable(plain_text(message)), cte="quoted-printable")
    mail.add_alternative(encodable(html_text(message)), subtype="html", cte="quoted-printable")
    return mail


def plain_text(message: Message) -> str:
    """Return the text part: the text, then the link unless the text already has it."""
    parts = [REPEAT] if message.is_duplicate_possible else []
    parts.append(message.text.strip("\n"))
    if message.action_url is not None and message.action_url not in message.text:
        parts.append(f"Open and answer: {message.action_url}")
    return "\n\n".join(parts) + "\n"


def html_text(message: Message) -> str:
    """Return the HTML part: the message's own, or its text escaped, with the link as a button."""
    if message.html is not None:
        return message.html
    blocks = [f"<p><em>{REPEAT}</em></p>"] if message.is_duplicate_possible else []
    for block in re.split(r"\n{2,}", message.text.strip("\n")):
        blocks.append("<p>" + html.escape(block).replace("\n", "<br>\n") + "</p>")
    if message.action_url is not None and re.match(r"https?://", message.action_url):
        url = html.escape(message.action_url)
        blocks.append(
            f'<p><a href="{url}" style="display:inline-block;padding:12px 20px;background:#1d4ed8;color:#ffffff;'
            f'text-decoration:none;border-radius:6px">Open and answer</a></p>\n<p><a href="{url}">{url}</a></p>'
        )
    body = "\n".join(blocks)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{body}\n</body></html>\n'
