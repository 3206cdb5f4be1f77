"""The whole system on a virtual clock: every domain, every subscription, one database, and people who answer.

    world = World(); world.start(SHOP_FILE)
    world.deploy("v2", error_rate=0.2); world.fast_forward(minutes=30)
    world.expect_page("bob", within=300); world.acknowledge("bob")

Everything is decided by `seed`. After every turn that changed something the invariants are checked.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

import staycalm
import staycalm.app.tables  # declares every domain's tables
from staycalm.app import wiring
from staycalm.app.settings import Settings
from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Unavailable
from staycalm.core.events import LogEntry
from staycalm.core.placement import Placement
from staycalm.core.self_events import ClockStepped
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import web_managed
from staycalm.domains.catalog.service import apply_file
from staycalm.domains.deployments import queries as deployment_queries
from staycalm.domains.deployments import service as deployment_service
from staycalm.domains.deployments.public import Deployment
from staycalm.domains.deployments.settings import DeploymentsSettings
from staycalm.domains.deployments.strategies import Step
from staycalm.domains.incidents import queries as incident_queries
from staycalm.domains.incidents import service as incident_service
from staycalm.domains.incidents.causes.service import declare
from staycalm.domains.incidents.public import Incident
from staycalm.domains.monitoring.settings import MonitoringSettings
from staycalm.domains.oncall.pages import page_router
from staycalm.domains.releases import public as releases
from staycalm.kit.database import Tx, log
from staycalm.kit.database.tables import events
from staycalm.kit.http import Views, install_problem_details
from staycalm.kit.ids import Ids
from tests.conftest import drive
from tests.domains.oncall.browser import Browser
from tests.scenarios.invariants import Checker
from tests.scenarios.outside import SteppedClock, Version, make_outside
from tests.scenarios.running import PUBLIC_URL, Crash, CrashingDatabase, Process

CI = Actor("service", "ci", "CI")
SHOP = Placement("shop", "production")
QUICK = DeploymentsSettings(poll_fast_s=1.0, poll_s=5.0, save_every_s=10.0)
ROOT = Path(staycalm.__file__).parent
SLOW = Settings(
    monitoring=MonitoringSettings(
        traffic_interval_s=300.0,
        instances_interval_s=300.0,
        query_interval_s=600.0,
        report_interval_s=86400.0,
        keep_samples_s=3600.0,
    )
)
BRISK = (Step(10.0, 60.0), Step(50.0, 60.0), Step(90.0, 60.0))
SMALLEST = timedelta(milliseconds=100)


class Complaints(logging.Handler):
    """Keeps every error that the product logs: in a scenario nobody expects one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trouble = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.said.append(f"{record.getMessage()}{trouble}")


class World:
    """One organisation and its server. Instants are `clock.now()`, times in seconds."""

    def __init__(
        self,
        *,
        seed: int = 2,
        deployments: DeploymentsSettings = QUICK,
        settings: Settings | None = None,
        start: datetime | None = None,
        is_slow: bool = False,
    ) -> None:
        self.clock = SteppedClock(start) if start is not None else SteppedClock()
        self.settings = replace(settings or Settings(), deployments=deployments)
        self.database = CrashingDatabase(self.clock, Ids.seeded(self.clock, seed))
        self.outside = make_outside(self.clock, seed=seed)
        self.complaints = Complaints()
        logging.getLogger("staycalm").addHandler(self.complaints)
        self._is_cut_off = False
        self.answers: dict[str, float] = {}
        self.crashes = 0
        self._is_slow = is_slow
        self.processes = [self._process("one")]
        self.checker = Checker(self)
        self._seen_mail = 0
        self._state, self._state_as_of = "", -1
        self._will_press: list[tuple[datetime, str]] = []
        self._browser: Browser | None = None

    # The organisation and its releases

    def start(self, text: str) -> World:
        """The file is in force, and everything that follows from it has happened."""
        self.apply(text)
        self.settle()
        return self

    def apply(self, text: str) -> None:
        def use_case(tx: Tx) -> None:
            sections = wiring.file_sections()
            parsed = parse_file(text, "staycalm.yaml", web_managed(tx), sections)
            apply_file(tx, SYSTEM, parsed, sections, may_change_people=True)

        self.write(use_case)
        self.settle()

    def release(self, service: str, version: str, *, rollback_safe: bool = True, **how: Any) -> releases.Release:
        digest = digest_of(f"{service} {version}")
        self.outside.machine.put(digest, Version(**how))
        found: releases.Release = self.write(
            releases.register, CI, service=service, digest=digest, reference=f"/store/{digest}",
            commit_sha=digest[7:47], rollback_safe=rollback_safe,
        )  # fmt: skip
        return found

    def deploy(
        self, service: str, version: str, *, by: Actor = CI, strategy: str | None = None, hotfix: str = "",
        slowdown: float = 0.0, rollback_safe: bool = True, **how: Any,
    ) -> Deployment:  # fmt: skip
        """Return the new deployment, by default in steps of a minute each.

        `slowdown` 0.5 is half as slow again; the other words are those of `Version`.
        """
        if slowdown:
            how["median_ms"] = 20.0 * (1.0 + slowdown)
        release = self.release(service, version, rollback_safe=rollback_safe, **how)
        found: Deployment = self.write(
            deployment_service.deploy, by, service=service, environment="production", release=release.id,
            strategy=strategy, steps=() if strategy else BRISK, is_hotfix=bool(hotfix), reason=hotfix,
            settings=self.settings.deployments,
        )  # fmt: skip
        self.settle()
        return found

    def running_shop(self, text: str, *, visitors: float = 50.0, version: str = "v1") -> World:
        """The shop serves `visitors` requests a second from its first release, and has for half a minute."""
        self.start(text)
        self.deploy("shop", version)
        self.until(lambda: self.newest_state() == "completed", minutes=3)
        self.visitors(visitors)
        self.fast_forward(seconds=30)
        return self

    def visitors(self, per_s: float, placement: Placement = SHOP) -> None:
        self.outside.proxy.send_traffic(placement, per_s)

    def ask(self, verb: str, deployment: str = "", *, by: str = "alice", **named: Any) -> Deployment:
        """A person asks for roll_back, pause, resume, promote or abort."""
        use_case = getattr(deployment_service, verb)
        who = Actor("person", by, by.title())
        found: Deployment = self.write(
            use_case, who, deployment or self.newest().id, settings=self.settings.deployments, **named
        )
        self.settle()
        return found

    def newest(self) -> Deployment:
        page = self.read(deployment_queries.list_deployments, limit=1)
        found: Deployment = page.items[0]
        return found

    def newest_state(self) -> str:
        """Return how the newest deployment stands; read again only when something has happened since."""
        told = self.database.told.total()
        if self._state_as_of != told:
            self._state, self._state_as_of = self.newest().state, told
        return self._state

    def get(self, id: str) -> Deployment:
        found: Deployment = self.read(deployment_queries.get_deployment, id)
        return found

    def share(self, version: str, service: str = "shop") -> float:
        """Return the percent of the service's clients that reach this version now."""
        digest = digest_of(f"{service} {version}")
        shares = self.outside.proxy.shares(Placement(service, "production"))
        revisions = self.outside.machine.revisions
        return sum(share for name, share in shares.items() if name in revisions
                   and revisions[name].spec.digest == digest)  # fmt: skip

    # Time

    def settle(self) -> None:
        """Everything that is due now is done, and the invariants hold."""
        for _ in range(10_000):
            self._is_cut_off = False
            did = [self._turn(process) for process in list(self.processes)]
            self._note_pages()
            self.checker.look()
            if not any(did):
                return
        raise AssertionError("the engine is busy for ever at one instant")

    def _turn(self, process: Process) -> bool:
        try:
            return process.turn()
        except Crash:
            self._restart(process)
            return True
        except Unavailable:
            self._is_cut_off = True
            for runner in process.engine.runners:
                runner.start_carried()
            return False

    def fast_forward(self, **parts: float) -> None:
        """Time passes, from due time to due time."""
        self.until(None, **parts)

    def until(self, reached: Callable[[], bool] | None, **parts: float) -> None:
        """Time passes until `reached` is true, which it has to be within this time."""
        end = self.clock.now() + timedelta(**parts)
        self.settle()
        while not (reached is not None and reached()) and self.clock.now() < end:
            self._move_on(end)
            self._press_buttons()
            self.settle()
        if reached is not None:
            assert reached(), "it was not reached in time\n" + self.story(40)

    def _move_on(self, end: datetime) -> None:
        now = self.clock.now()
        due = [process.next_due() for process in self.processes]
        due += [at for at, _ in self._will_press]
        if self._is_cut_off:
            due.append(now + timedelta(milliseconds=250))
        soonest = min(due, default=end)
        if soonest <= now:
            # It is due and in other hands: a lease, or a message whose answer hangs.
            soonest = now + SMALLEST
        self.clock.move_to(min(end, soonest))
        for process in list(self.processes):
            try:
                process.keep_leases()
            except Crash:
                self._restart(process)

    # People

    def actor(self, person: str) -> Actor:
        return Actor("person", person, person.title())

    def mail(self, person: str) -> list[Any]:
        return self.outside.email.to(f"{person}@example.com")

    def pages(self, person: str) -> list[Any]:
        """Return the pages (not notices) that arrived at a person, by any channel."""
        found = []
        for channel in (self.outside.email, self.outside.ntfy):
            found += [a.message for a in channel.arrived if person in a.address and a.message.priority is not None
                      and a.message.data.get("kind") == "page"]  # fmt: skip
        return found

    def paged(self) -> list[str]:
        """Return who was paged by mail, in order."""
        return [a.address.partition("@")[0] for a in self.outside.email.arrived
                if a.message.data.get("kind") == "page"]  # fmt: skip

    def expect_page(self, person: str, *, within: float = 0.0) -> None:
        """A page arrives at the person within so many seconds from now."""
        many = len(self.pages(person))
        if within:
            self.until(lambda: len(self.pages(person)) > many, seconds=within)
        assert self.pages(person), f"{person} was not paged\n" + self.story(40)

    def link(self, person: str) -> str:
        """Return the path of the acknowledgement link in the newest message to the person."""
        texts = [a.message.text for channel in (self.outside.email, self.outside.ntfy) for a in channel.arrived
                 if person in a.address]  # fmt: skip
        found = [m[1] for text in texts if (m := re.search(re.escape(PUBLIC_URL) + r"(/ack/\S+)", text))]
        assert found, f"no link was sent to {person}"
        return found[-1]

    def acknowledge(self, person: str) -> str:
        """The person opens the link in their message and presses the button; returns what the page says."""
        answer = self.browser.post(self.link(person))
        self.settle()
        said = re.search(r'data-ack="([a-z]+)"', answer.text)
        return said[1] if said else str(answer.status_code)

    def answers_after(self, person: str, seconds: float) -> None:
        """From now on the person presses the button of every page so long after it arrived."""
        self.answers[person] = seconds

    def _note_pages(self) -> None:
        """Whoever answers will press the button of what has just arrived."""
        for arrived in self.outside.email.arrived[self._seen_mail :]:
            person = arrived.address.partition("@")[0]
            found = re.search(re.escape(PUBLIC_URL) + r"(/ack/\S+)", arrived.message.text)
            if person in self.answers and found and arrived.message.data.get("kind") == "page":
                at = self.clock.now() + timedelta(seconds=self.answers[person])
                self._will_press.append((at, found[1]))
        self._seen_mail = len(self.outside.email.arrived)

    def _press_buttons(self) -> None:
        for each in [p for p in self._will_press if p[0] <= self.clock.now()]:
            self._will_press.remove(each)
            with suppress(Crash):
                self.browser.post(each[1])

    @property
    def browser(self) -> Browser:
        if self._browser is None:
            from fastapi import FastAPI

            app = FastAPI()
            app.state.database = self.database
            folders = {"oncall": ROOT / "domains/oncall/templates", "web": ROOT / "web/templates"}
            app.state.views = Views(folders, self.clock)
            install_problem_details(app)
            app.include_router(page_router)
            self._browser = Browser(app)
        return self._browser

    # Incidents

    def incidents(self) -> list[Incident]:
        """Return every incident, oldest first."""
        return list(reversed(self.read(incident_queries.list_incidents, limit=200).items))

    @property
    def incident(self) -> Incident:
        (only,) = self.incidents()
        return only

    def declare(self, title: str, priority: str = "P0", *, by: str = "carol", service: str | None = "shop") -> Any:
        named = {"service": service, "environment": "production"} if service else {}
        declared = self.write(declare, self.actor(by), title=title, priority=priority, **named)
        self.settle()
        return declared

    def respond(self, verb: str, person: str, incident: str = "", *args: Any, **named: Any) -> Any:
        """A person acknowledges, mitigates, resolves or reopens the incident through the service."""
        if verb == "resolve":
            named.setdefault("post_mortem_within_s", self.settings.incidents.post_mortem_within_s)
        use_case = getattr(incident_service, verb)
        answer = self.write(use_case, self.actor(person), incident or self.incidents()[-1].id, *args, **named)
        self.settle()
        return answer

    def open_escalations(self) -> list[Any]:
        """Return the escalations that were not stopped, as rows."""
        from staycalm.domains.oncall.escalations.model import escalations

        open_ones = select(escalations).where(escalations.c.open_subject.is_not(None))
        return list(self.read(lambda tx: tx.rows(open_ones)))

    # Trouble

    def crash(self) -> None:
        """The server is gone in this instant and started again."""
        self._restart(self.processes[0])
        self.settle()

    def crash_at_write(self, number: int, moment: Any = "after") -> None:
        """The server dies at its `number`-th transaction from now."""
        self.database.dies_at[self.database.writes + number] = moment

    def _restart(self, process: Process) -> None:
        self.crashes += 1
        process.abandon()
        place = self.processes.index(process)
        # What is left of the old process's leases ends by itself; a restarted one has another name.
        self.processes[place] = self._process(f"{process.name.partition('-')[0]}-{self.crashes}")

    def second_engine(self) -> Process:
        """Another server process shares the work."""
        self.processes.append(self._process("two"))
        return self.processes[-1]

    def _process(self, name: str) -> Process:
        for _ in range(100):
            try:
                return Process(self.database, self.outside, self.settings, name=name, is_slow=self._is_slow)
            except Crash:
                continue
        raise AssertionError("the server dies at every start")

    @contextmanager
    def database_refusing(self) -> Iterator[None]:
        """Nothing can be committed inside the block."""
        with self.database.refusing(), self.checker.resting():
            yield

    def step_clock(self, seconds: float) -> None:
        """The wall clock is set, and the self-watch has seen it."""
        self.clock.step(seconds)
        event = ClockStepped(subject=self.processes[0].name, step_s=seconds)
        self.write(lambda tx: tx.emit(SYSTEM, event))
        self.settle()

    # Reading

    def write(self, use_case: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """A person's request: tried again by the person when the server died under it before its commit."""
        try:
            return drive(self.database.write(use_case, *args, **named))
        except Crash:
            self._restart(self.processes[0])
            return drive(self.database.write(use_case, *args, **named))

    def read(self, query: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return drive(self.database.read(query, *args, **named))

    def log(self, *names: str, subject: str | None = None) -> list[LogEntry]:
        """Return the events of these full names (all without any), oldest first."""
        found: list[LogEntry] = []
        conditions = [events.c.name.in_(names)] if names else []
        while True:
            page = self.read(log.after, found[-1].seq if found else 0, *conditions, limit=5000)
            found += page
            if len(page) < 5000:
                return [e for e in found if subject in (None, e.subject)]

    def names(self, subject: str) -> list[str]:
        """Return the names of what happened to one subject, without the domain."""
        return [e.name.partition(".")[2] for e in self.log(subject=subject)]

    def alerts(self, rule: str = "") -> list[Any]:
        """Return every alert of the rule, oldest first, as rows."""
        from staycalm.domains.alerts.model import alerts

        statement = select(alerts).order_by(alerts.c.opened_at, alerts.c.id)
        return [row for row in self.read(lambda tx: tx.rows(statement)) if rule in ("", row.rule)]

    def story(self, last: int = 0) -> str:
        """Return the log as lines for a person."""
        found = self.log()[-last:] if last else self.log()
        return "\n".join(f"{e.at:%a %d %H:%M:%S} {e.subject} {e.name} {_short(e.body)}" for e in found)

    def transcript(self) -> str:
        """Return the whole log, byte for byte comparable."""
        return "\n".join(
            f"{e.seq} {e.at.isoformat()} {e.name} {e.subject} {e.actor} {sorted(e.body.items())!r}"
            for e in self.log()
        )

    def close(self) -> None:
        """The last look was taken, and nothing is left."""
        try:
            self.checker.look()
            self.checker.at_the_end()
        finally:
            logging.getLogger("staycalm").removeHandler(self.complaints)
            self.database.close()


def digest_of(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def _short(body: dict[str, Any]) -> str:
    text = ", ".join(f"{k}={v}" for k, v in body.items() if k in ("reason", "rule", "person", "people", "weight",
                     "priority", "title", "state", "step", "round", "cause", "summary", "code", "by"))  # fmt: skip
    return text[:200]


__all__ = ["CI", "QUICK", "SHOP", "World", "digest_of"]
