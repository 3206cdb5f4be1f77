"""Bob is paged, and holds the link that his message would bring him."""

from __future__ import annotations

from staycalm.core.actor import Actor
from staycalm.domains.oncall.notifications.service import make_link
from staycalm.domains.oncall.public import page_again
from staycalm.kit.database import Tx

ROOT = Actor("person", "root", "Rosa Root")


def page_bob(tx: Tx) -> str:
    """The story's incident pages again; returns the token of a link with which Bob acknowledges."""
    escalation = page_again(tx, ROOT, "INC-1", reason="It is back")
    return make_link(
        tx, purpose="acknowledge", escalation=escalation.id, subject="INC-1", notification="n", person="bob",
        valid_s=3600.0,
    )  # fmt: skip
