"""The buttons that people press: who answers their pages, how soon, and the pages of the product they do it on."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from fastapi import FastAPI

import staycalm
from staycalm.domains.oncall.pages import page_router
from staycalm.kit.http import Views, install_problem_details
from tests.domains.oncall.browser import Browser
from tests.scenarios.outside import Fakes, SteppedClock
from tests.scenarios.running import PUBLIC_URL, Crash, CrashingDatabase

LINK = re.compile(re.escape(PUBLIC_URL) + r"(/ack/\S+)")
"""The acknowledgement link in a message; its group is the path."""
ROOT = Path(staycalm.__file__).parent


class Answering:
    """Presses the button of each page `after_s` it arrived by mail; who is not named there never answers."""

    def __init__(self, database: CrashingDatabase, outside: Fakes, clock: SteppedClock) -> None:
        self.after_s: dict[str, float] = {}
        self._database, self._outside, self._clock = database, outside, clock
        self._seen_mail = 0
        self._will_press: list[tuple[datetime, str]] = []

    def note_pages(self) -> None:
        """Whoever answers will press the button of what has just arrived."""
        for arrived in self._outside.email.arrived[self._seen_mail :]:
            person = arrived.address.partition("@")[0]
            found = LINK.search(arrived.message.text)
            if person in self.after_s and found and arrived.message.data.get("kind") == "page":
                at = self._clock.now() + timedelta(seconds=self.after_s[person])
                self._will_press.append((at, found[1]))
        self._seen_mail = len(self._outside.email.arrived)

    def due(self) -> list[datetime]:
        """Return when buttons will be pressed."""
        return [at for at, _ in self._will_press]

    def press_buttons(self) -> None:
        """Every button is pressed whose time has come; a server that dies of it has lost only its answer."""
        for each in [p for p in self._will_press if p[0] <= self._clock.now()]:
            self._will_press.remove(each)
            with suppress(Crash):
                self.browser.post(each[1])

    @cached_property
    def browser(self) -> Browser:
        """The public pages of on-call, as a person without a sign-in sees them."""
        app = FastAPI()
        app.state.database = self._database
        folders = {"oncall": ROOT / "domains/oncall/templates", "web": ROOT / "web/templates"}
        app.state.views = Views(folders, self._clock)
        install_problem_details(app)
        app.include_router(page_router)
        return Browser(app)
