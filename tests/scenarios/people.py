"""The people of a world: what reaches them, and what they do about it."""

from __future__ import annotations

import re
from typing import Any

from staycalm.core.actor import Actor
from staycalm.domains.incidents import queries as incident_queries
from staycalm.domains.incidents import service as incident_service
from staycalm.domains.incidents.causes.service import declare
from staycalm.domains.incidents.public import Incident
from tests.scenarios.answering import LINK
from tests.scenarios.simulation import Simulation


class People(Simulation):
    """Pages, acknowledgements and incidents. A person is named by the id of the service file."""

    # Pages

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
        found = [m[1] for text in texts if (m := LINK.search(text))]
        assert found, f"no link was sent to {person}"
        return found[-1]

    def acknowledge(self, person: str) -> str:
        """The person opens the link in their message and presses the button; returns what the page says."""
        answer = self.answering.browser.post(self.link(person))
        self.settle()
        said = re.search(r'data-ack="([a-z]+)"', answer.text)
        return said[1] if said else str(answer.status_code)

    def answers_after(self, person: str, seconds: float) -> None:
        """From now on the person presses the button of every page so long after it arrived."""
        self.answering.after_s[person] = seconds

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
