"""The states of a post-mortem (SOP §5.3) and of an action item."""

from __future__ import annotations

from typing import Literal

from staycalm.core.machine import Transitions

PaperState = Literal["draft", "in-review", "published"]
ActionState = Literal["open", "done", "dropped"]

# Published is final: what is learned later is appended, never written over.
PAPER: Transitions = {
    ("draft", "submit"): "in-review",
    ("draft", "publish"): "published",
    ("in-review", "return"): "draft",
    ("in-review", "publish"): "published",
}
WRITABLE: frozenset[str] = frozenset({"draft", "in-review"})

ACTION: Transitions = {
    ("open", "finish"): "done",
    ("open", "drop"): "dropped",
    ("done", "reopen"): "open",
    ("dropped", "reopen"): "open",
}
