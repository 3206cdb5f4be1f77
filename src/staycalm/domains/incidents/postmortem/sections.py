"""What a person is asked to write, in the order of the SOP's format (§5.3). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEXT_LIMIT = 20_000
LINE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Section:
    """One text. `is_line`: a figure or a few words, else Markdown. `hint` says what belongs into it."""

    name: str
    title: str
    hint: str
    is_line: bool = False
    is_for_customers: bool = False

    @property
    def limit(self) -> int:
        return LINE_LIMIT if self.is_line else TEXT_LIMIT


SECTIONS: Mapping[str, Section] = {
    each.name: each
    for each in (
        Section("summary", "Summary", "One paragraph. Empty: the sentence that StayCalm makes of the facts."),
        Section("root-cause", "Root cause", "What actually caused the issue. Needed before it can be published."),
        Section("not-caught", "Why it was not caught earlier", "Which check let it through, and why."),
        Section("users-affected", "Users affected", "Such as 1,200 of 40,000. Empty: unknown.", is_line=True),
        Section("revenue-impact", "Revenue impact", "Such as $3,400 of orders. Empty: unknown.", is_line=True),
        Section("went-well", "What went well", "What helped besides what was measured."),
        Section("went-wrong", "What went wrong", "In systems and processes, not in people."),
        Section("lucky", "Where we got lucky", "What would have made it worse, and did not happen."),
        Section("lessons", "Lessons learned", "The key takeaways."),
        Section("customer-summary", "Summary for customers",
                "Customers read exactly this, in the edition for them, and nothing else of what stands here.",
                is_for_customers=True),
    )
}  # fmt: skip
NEEDED_TO_PUBLISH = "root-cause"
