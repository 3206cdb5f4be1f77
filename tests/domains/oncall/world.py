"""A small organisation on a virtual clock: three people, one schedule, two policies, fake channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import StayCalmError
from staycalm.core.events import LogEntry
from staycalm.core.priority import Priority
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import make_plan, web_managed
from staycalm.domains.catalog.questions import Change
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.oncall import public as oncall
from staycalm.domains.oncall import subscribers
from staycalm.domains.oncall.events import ContactMethodChanged, EscalationStopped, NotificationFailed
from staycalm.domains.oncall.file_sections import file_sections
from staycalm.domains.oncall.public import Escalation, OncallSettings
from staycalm.domains.oncall.reconcile import reconcilers
from staycalm.engine.loop import Engine
from staycalm.kit.database import Database, ReadTx, Tx, log
from staycalm.kit.subscriptions import Subscription, Subscriptions
from tests.conftest import VirtualClock, drive
from tests.scenarios.fakes.channel import FakeChannel, Lost

PUBLIC_URL = "https://calm.example"

# The virtual clock starts on Monday 2026-03-02 09:00 UTC, which is 10:00 in Berlin.
FILE = """
organisation: {name: Acme, time_zone: Europe/Berlin, escalation_policy: default}
people:
  alice: {name: Alice, email: alice@example.com}
  bob: {name: Bob, email: bob@example.com}
  carol: {name: Carol, email: carol@example.com}
teams:
  platform: {members: [alice, bob, carol]}
services:
  shop: {team: platform, escalation_policy: shop}
schedules:
  platform: {hand_off: monday 09:00, people: [alice, bob], starts_on: 2026-03-02}
escalation_policies:
  default:
    rounds: 1
    steps:
      - {page: team platform, wait: 10m}
  shop:
    rounds: 2
    steps:
      - {page: primary of platform, wait: 5m}
      - {page: secondary of platform, wait: 5m}
      - {page: person carol, wait: 10m}
"""
ALICE, BOB, CAROL = (Actor("person", handle, handle.title()) for handle in ("alice", "bob", "carol"))


class World:
    """Everything on-call needs, driven by hand. `channels` are fakes by kind."""

    def __init__(self, database: Database, clock: VirtualClock, settings: OncallSettings | None = None) -> None:
        self.database = database
        self.clock = clock
        self.settings = settings or OncallSettings()
        self.channels = {kind: FakeChannel(kind) for kind in ("email", "webhook", "ntfy")}
        listed = [
            Subscription("oncall.hurry", NotificationFailed, subscribers.hurry_when_nobody_was_reached),
            Subscription("oncall.coverage", ContactMethodChanged, subscribers.check_coverage_after_contact_change),
            Subscription("oncall.over", EscalationStopped, subscribers.tell_that_it_is_over),
        ]
        subscriptions = Subscriptions(listed)
        database.subscriptions = subscriptions
        self.engine = Engine(
            database,
            subscriptions,
            reconcilers(self.channels, self.settings, PUBLIC_URL),
            holder="test",
            uses_leases=False,
            spawn=self._spawn,
        )
        drive(self.engine.back_fill())
        self.write(oncall.record_server, channels=self.channels, settings=self.settings)

    @property
    def email(self) -> FakeChannel:
        return self.channels["email"]

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.write(use_case, *args, **named))

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.read(query, *args, **named))

    def apply(self, text: str = FILE) -> tuple[Change, ...]:
        """The file is in force; returns what was changed."""

        def use_case(tx: Tx) -> tuple[Change, ...]:
            sections = file_sections()
            parsed = parse_file(text, "staycalm.yaml", web_managed(tx), sections)
            return apply_file(tx, SYSTEM, parsed, sections, may_change_people=True).changes

        changes: tuple[Change, ...] = self.write(use_case)
        return changes

    def plan(self, text: str) -> tuple[Change, ...]:
        """Return what applying the file would change."""

        def query(tx: ReadTx) -> tuple[Change, ...]:
            sections = file_sections()
            return make_plan(tx, parse_file(text, "staycalm.yaml", web_managed(tx), sections), sections).changes

        changes: tuple[Change, ...] = self.read(query)
        return changes

    def problems(self, text: str) -> list[str]:
        """Return what is wrong with the file, a line each."""
        try:
            self.plan(text)
        except StayCalmError as error:
            return list(error.details.get("problems", [error.message]))
        return []

    def start(
        self, priority: Priority = "P0", subject: str = "INC-1", service: str | None = "shop", **named: Any
    ) -> Escalation | None:
        """Start an escalation about the shop."""
        values: dict[str, Any] = {
            "subject": subject,
            "policy": None,
            "service": service,
            "environment": "production",
            "priority": priority,
            "title": "Service down",
            "url_path": f"/incidents/{subject}",
        }
        found: Escalation | None = self.write(oncall.start_escalation, SYSTEM, **values | named)
        return found

    def settle(self) -> None:
        """Everything that is due now is done."""
        while drive(self.engine.turn()) == 0.0:
            pass

    def forward(self, **parts: float) -> None:
        """Time passes, from due time to due time."""
        end = self.clock.now() + timedelta(**parts)
        self.settle()
        while self.clock.now() < end:
            due = drive(self.engine.next_due())
            step = self.clock.now() + timedelta(milliseconds=1)
            self.clock.move_to(min(end, max(due, step)) if due is not None else end)
            self.settle()

    def events(self, *names: str, subject: str | None = None) -> list[LogEntry]:
        """Return the events of these names (without `oncall.`) in order."""
        wanted = {f"oncall.{name}" for name in names}
        found = drive(self.database.read(log.after, 0, limit=5000))
        return [e for e in found if e.name in wanted and subject in (None, e.subject)]

    def steps(self, subject: str = "INC-1") -> list[tuple[int, int, list[str]]]:
        """Return (round, step, people) of every step reached."""
        found = self.events("step_reached", subject=subject)
        return [(e.body["round"], e.body["step"], e.body["people"]) for e in found]

    def open(self, subject: str = "INC-1") -> Escalation | None:
        found: Escalation | None = self.read(oncall.find_open_escalation, subject)
        return found

    def paged(self) -> list[str]:
        """Return the addresses that e-mail arrived at, in order."""
        return [each.address.partition("@")[0] for each in self.email.arrived]

    def at(self, text: str) -> datetime:
        return datetime.fromisoformat(text)

    @staticmethod
    def _spawn(coroutine: Any) -> None:
        try:
            drive(coroutine)
        except Lost:
            coroutine.close()
