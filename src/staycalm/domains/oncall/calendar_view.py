"""What the on-call page shows, put together for one reader: their zone, their filter, their shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from staycalm.core.errors import Invalid
from staycalm.domains.accounts.public import Person, find_person, list_people
from staycalm.domains.oncall.contacts import queries as contact_queries
from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.escalations import queries as escalation_queries
from staycalm.domains.oncall.escalations.queries import Escalation
from staycalm.domains.oncall.schedules import covering, queries
from staycalm.domains.oncall.schedules.calendar import Day, colours_of, lay_out, midnight, monday_of
from staycalm.domains.oncall.schedules.decisions import Override
from staycalm.domains.oncall.schedules.queries import OnCallNow, StoredSchedule
from staycalm.domains.oncall.schedules.service import check_zone
from staycalm.domains.oncall.schedules.stints import Shift, Stint
from staycalm.kit.database import ReadTx

View = Literal["week", "month"]
DAYS: dict[View, int] = {"week": 7, "month": 35}
MOST_SCHEDULES = 20
MOST_PEOPLE = 200
MOST_ZONES = 3
MOST_MINE = 8
EARLIEST, LATEST = timedelta(days=400), timedelta(days=800)
COMMON_ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Kyiv", "Africa/Lagos", "Africa/Johannesburg", "Asia/Dubai",
    "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland", "America/New_York",
    "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the address asks for: a week from the day it names, or five weeks from the Monday before it.

    `zone` is the reader's unless the address says otherwise; `also` are further scales. `is_fixed`: the
    address names the day; else it is today, also on a page that stays open over midnight.
    """

    view: View
    first: date
    is_fixed: bool
    zone: ZoneInfo
    own_zone: str
    also: tuple[ZoneInfo, ...] = ()
    schedule: str | None = None
    mine: bool = False

    def link(self, **changed: Any) -> str:
        """Return the address of the same page with something changed."""
        values = {
            "view": self.view, "from": self.first.isoformat() if self.is_fixed else None, "zone": str(self.zone),
            "also": ",".join(map(str, self.also)), "schedule": self.schedule, "mine": "1" if self.mine else None,
            **{key.rstrip("_"): value for key, value in changed.items()},
        }  # fmt: skip
        return "/oncall?" + urlencode({key: value for key, value in values.items() if value})

    def topic(self, part: str, me: str, may_configure: bool) -> str:
        """Return the live topic that draws a part of the page anew for this reader: `range`, `mine` or `days`."""
        told = self.link(part=part, me=me, edit="1" if may_configure else None)
        return "calendar:" + told.partition("?")[2]

    @property
    def last(self) -> date:
        """The last day shown."""
        return self.first + timedelta(days=DAYS[self.view] - 1)

    @property
    def before(self) -> str:
        return self.link(from_=(self.first - timedelta(days=DAYS[self.view])).isoformat())

    @property
    def after(self) -> str:
        return self.link(from_=(self.last + timedelta(days=1)).isoformat())

    def at(self, instant: datetime) -> str:
        """Return the wall-clock time in the reader's zone, such as `Mon 2 Mar 09:00`."""
        local = instant.astimezone(self.zone)
        return f"{local:%a} {local.day} {local:%b %H:%M}"

    def field(self, instant: datetime) -> str:
        """Return the wall-clock time as a form's field holds it."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")


@dataclass(frozen=True)
class ScheduleView:
    """One schedule over the days asked for; `gaps` are those that are not over."""

    stored: StoredSchedule
    now: OnCallNow
    days: tuple[Day, ...]
    gaps: tuple[Stint, ...]
    overrides: tuple[Override, ...]


@dataclass(frozen=True)
class Reach:
    """How a person can be reached; `usable` is how many of the methods a page would use now."""

    person: Person
    methods: tuple[ContactMethod, ...]
    usable: int


@dataclass(frozen=True)
class NowCard:
    """Who has the pager of one schedule."""

    now: OnCallNow


@dataclass(frozen=True)
class NowView:
    """Who has the pager, and who is being paged. No part of it depends on who looks."""

    schedules: tuple[NowCard, ...]
    escalations: tuple[Escalation, ...]


@dataclass(frozen=True)
class DaysView:
    """The calendar, and who can be reached. `is_any`: there is a schedule at all."""

    asked: Asked
    is_any: bool
    schedules: tuple[ScheduleView, ...]
    reach: tuple[Reach, ...]


@dataclass(frozen=True)
class MineView:
    """The reader's own shifts."""

    asked: Asked
    shifts: tuple[Shift, ...]


@dataclass(frozen=True)
class OncallView:
    """Everything on the page."""

    now: NowView
    names: tuple[str, ...]
    days: DaysView
    mine: MineView
    added: tuple[tuple[str, Override], ...]
    zones: tuple[str, ...]


def read_asked(tx: ReadTx, reader: str, told: dict[str, str]) -> Asked:
    """Return what the address asks for; raises Invalid or NotFound in words."""
    known = find_person(tx, reader)
    own = known.time_zone if known is not None else "UTC"
    zone = ZoneInfo(check_zone(told.get("zone") or own))
    also = [each.strip() for each in told.get("also", "").split(",") if each.strip()][:MOST_ZONES]
    others = tuple(ZoneInfo(check_zone(each)) for each in dict.fromkeys(also) if each != str(zone))
    today = tx.now.astimezone(zone).date()
    first = _day(told.get("from", ""), today)
    name = told.get("schedule") or None
    if name is not None:
        queries.get_schedule(tx, name)
    return Asked(
        view="month" if told.get("view") == "month" else "week",
        first=monday_of(first) if told.get("view") == "month" else first,
        is_fixed=bool(told.get("from")),
        zone=zone,
        own_zone=own,
        also=others,
        schedule=name,
        mine=told.get("mine") == "1",
    )


def read_oncall(tx: ReadTx, reader: str, told: dict[str, str]) -> OncallView:
    """Return the page for a reader; `told` is the address's query."""
    days, mine = read_days(tx, reader, told), read_mine(tx, reader, told)
    asked, stored = days.asked, queries.list_schedules(tx)[:MOST_SCHEDULES]
    zones = dict.fromkeys(
        [asked.own_zone, str(asked.zone), *(s.schedule.time_zone for s in stored), *COMMON_ZONES]
    )
    return OncallView(
        now=read_now(tx),
        names=tuple(each.schedule.name for each in stored),
        days=days,
        mine=mine,
        added=_added(days.schedules, told.get("added", "")),
        zones=tuple(zones),
    )


def read_days(tx: ReadTx, reader: str, told: dict[str, str]) -> DaysView:
    """Return the calendar as the address asks for it, and who can be reached."""
    asked = read_asked(tx, reader, told)
    stored = queries.list_schedules(tx)[:MOST_SCHEDULES]
    chosen = [each for each in stored if asked.schedule in (None, each.schedule.name)]
    views = [_schedule(tx, each, asked) for each in chosen]
    if asked.mine:
        views = [each for each in views if _holds(each.days, reader)]
    return DaysView(asked, bool(stored), tuple(views), _reach(tx))


def read_mine(tx: ReadTx, reader: str, told: dict[str, str]) -> MineView:
    """Return the reader's shifts, the next first."""
    return MineView(read_asked(tx, reader, told), covering.shifts_of(tx, reader)[:MOST_MINE])


def read_now(tx: ReadTx) -> NowView:
    """Return who has the pager and who is being paged."""
    on_call = queries.list_on_call(tx)[:MOST_SCHEDULES]
    return NowView(tuple(NowCard(each) for each in on_call), escalation_queries.list_open(tx, limit=50))


def _schedule(tx: ReadTx, stored: StoredSchedule, asked: Asked) -> ScheduleView:
    start, end = midnight(asked.first, asked.zone), midnight(asked.last + timedelta(days=1), asked.zone)
    found = queries.stints_between(tx, stored, start, end, are_whole=True)
    colours = colours_of([*stored.schedule.rotation.people, *(stint.primary for stint in found)])
    also = asked.also if asked.view == "week" else ()
    gaps = [s for s in found if s.primary is None and s.ends_at > max(start, tx.now) and s.starts_at < end]
    return ScheduleView(
        stored=stored,
        now=queries.on_call_now(tx, stored.schedule.name),
        days=lay_out(found, asked.zone, asked.first, DAYS[asked.view], tx.now, colours=colours, also=also),
        gaps=tuple(replace(stint, starts_at=max(stint.starts_at, tx.now)) for stint in gaps),
        overrides=queries.list_overrides(tx, stored.schedule.name),
    )


def _holds(days: Sequence[Day], person: str) -> bool:
    return any(person in (bar.stint.primary, bar.stint.secondary) for day in days for bar in day.bars)


def _added(views: Sequence[ScheduleView], told: str) -> tuple[tuple[str, Override], ...]:
    wanted = told.split(",")[:2]
    return tuple((v.stored.schedule.name, o) for v in views for o in v.overrides if o.id in wanted)


def _reach(tx: ReadTx) -> tuple[Reach, ...]:
    channels = contact_queries.configured_channels(tx)
    people = [person for person in list_people(tx) if person.is_active][:MOST_PEOPLE]
    return tuple(
        Reach(
            person,
            contact_queries.methods_of(tx, person.handle),
            len(contact_queries.reachable_methods(tx, person.handle, channels)),
        )
        for person in people
    )


def _day(text: str, today: date) -> date:
    if not text:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid("bad-day", f"{text[:40]!r} is not a day", next_step="Write it like 2026-03-02.") from None
    if not today - EARLIEST <= day <= today + LATEST:
        raise Invalid("bad-day", f"{day} is too far away", next_step="Look at most two years ahead, one back.")
    return day
