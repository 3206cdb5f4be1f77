"""Wire types of acting on many alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from staycalm.core.errors import Invalid
from staycalm.domains.alerts.browsing.decisions import AlertFilter, StateFilter, parse_filter
from staycalm.domains.alerts.bulk.choosing import Choice, Counted
from staycalm.domains.alerts.bulk.decisions import AT_ONCE, Bulk
from staycalm.domains.alerts.muting.decisions import Silence
from staycalm.domains.alerts.muting.kinds import Kind
from staycalm.domains.alerts.schemas import Ending, SilenceOut, Text, silence_out

Id = Annotated[str, StringConstraints(min_length=1, max_length=36)]
Words = Annotated[str, StringConstraints(max_length=310)]


class FilterIn(BaseModel):
    """Which open alerts are meant; what is left out leaves open."""

    model_config = ConfigDict(extra="forbid")

    state: StateFilter = Field(default="open", description="open, or one of its states.")
    severity: Words = Field(default="", description="P0-P3, SEV1-SEV4, critical …; several with commas.")
    service: Words = ""
    environment: Words = ""
    team: Words = ""
    source: Words = ""
    rule: Words = ""
    label: Words = Field(default="", description="name=value.")
    q: Words = Field(default="", description="Looked for in summary, rule and service; ALG-n is a group.")

    def parsed(self) -> AlertFilter:
        """Return the filter; raises Invalid for a word that is no severity or no label."""
        return parse_filter({**self.model_dump(exclude={"severity"}), "priority": self.severity})


class Target(BaseModel):
    """Some alerts by id, or all that match a filter; a dry run counts them and changes nothing."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Id] | None = Field(
        default=None,
        min_length=1,
        max_length=AT_ONCE,
        description="Alerts, or groups (ALG-n) for their open alerts.",
    )
    filter: FilterIn | None = None
    upto: Annotated[str, StringConstraints(max_length=36)] = Field(
        default="", description="What a dry run answered: alerts raised since are left alone. Of a filter only."
    )
    dry_run: bool = False

    def choice(self) -> Choice:
        """Return what is meant; raises Invalid unless it is exactly one of ids and filter."""
        if (self.ids is None) == (self.filter is None):
            raise Invalid(
                "ids-or-filter", "either ids or a filter is needed", next_step="{} as filter is every open alert."
            )
        wanted = self.filter.parsed() if self.filter is not None else AlertFilter()
        return Choice(tuple(dict.fromkeys(self.ids or ())), wanted, self.upto, self.filter is not None)


class NewBulk(Target):
    """A verb for many alerts."""

    action: Literal["acknowledge", "resolve"]
    reason: Text = ""


class NewBulkSilence(Target, Ending):
    """Muting what is like the chosen alerts, until an instant or for a duration."""

    reason: Text = ""


class BulkOut(BaseModel):
    """How far a verb for many alerts is; of a dry run, only how many it is about."""

    id: str | None = Field(description="BLK-n; null after a dry run.")
    action: Literal["acknowledge", "resolve", "hand-back"]
    state: Literal["counted", "running", "done"] = Field(description="running: the rest follows by itself.")
    matching: int
    done: int
    skipped: dict[str, int] = Field(description="How many were left alone, by reason.")
    upto: str
    can_be_undone: bool
    undone_by: str | None


class KindOut(BaseModel):
    """Alerts of one rule on one placement; `many` of them are open now."""

    matchers: list[str]
    many: int


class BulkSilenceOut(BaseModel):
    """What is muted, or of a dry run would be: one silence for each kind of alert."""

    matching: int
    kinds: list[KindOut]
    silences: list[SilenceOut]


def bulk_out(bulk: Bulk, now: datetime) -> BulkOut:
    """Return the bulk as it goes over the wire."""
    return BulkOut(
        id=bulk.id, action=bulk.action, state="done" if bulk.is_done else "running", matching=bulk.expected,
        done=bulk.done, skipped=dict(bulk.skipped), upto=bulk.upto, can_be_undone=bulk.can_be_undone(now),
        undone_by=bulk.undone_by,
    )  # fmt: skip


def counted_out(action: Literal["acknowledge", "resolve"], counted: Counted) -> BulkOut:
    """Return what a dry run found."""
    return BulkOut(
        id=None, action=action, state="counted", matching=counted.many, done=0, skipped={}, upto=counted.upto,
        can_be_undone=False, undone_by=None,
    )  # fmt: skip


def kinds_out(kinds: tuple[Kind, ...], silences: tuple[Silence, ...] = ()) -> BulkSilenceOut:
    """Return the kinds, and the silences made of them."""
    return BulkSilenceOut(
        matching=sum(kind.many for kind in kinds),
        kinds=[KindOut(matchers=list(kind.matchers), many=kind.many) for kind in kinds],
        silences=[silence_out(silence) for silence in silences],
    )
