"""The story: a healthy release, a bad one that rolls itself back, a page, an incident, and the figures."""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp

from staycalm.client.api import Api
from staycalm.client.connection import find_connection
from staycalm.demo.figures import Figure, figures
from staycalm.demo.inbox import Inbox, Mail, Receiver
from staycalm.demo.load import Counts, Load
from staycalm.demo.stage import Stage, StageError
from staycalm.demo.voice import Voice

ENVIRONMENT = "production"
POLL_S = 0.25
SET_UP = re.compile(r"/set-up/[A-Za-z0-9_-]+")
VIEWER = "viewer"


class Story:
    """Everything the acts share: the stage, the visitors, the inboxes, and the voice."""

    def __init__(self, stage: Stage, load: Load, inbox: Inbox, receiver: Receiver, voice: Voice) -> None:
        self.stage = stage
        self.load = load
        self.inbox = inbox
        self.receiver = receiver
        self.voice = voice
        self.password = secrets.token_urlsafe(12)
        self.shift_failures = 0
        self.bad_failures = 0
        self._api: Api | None = None

    async def call(self, method: str, path: str, *arguments: Any, **query: Any) -> Any:
        """Return the API's answer without holding up the visitors."""
        if self._api is None:
            self._api = Api(find_connection(environ=self.stage.environment()))
        return await asyncio.to_thread(getattr(self._api, method), path, *arguments, **query)

    async def sc(self, *arguments: str, shown: str | None = None) -> str:
        """Run and show a command; returns its output. Raises StageError when it fails."""
        self.voice.command(f"sc {shown or ' '.join(arguments)}")
        code, output = await self.stage.sc(*arguments)
        if code not in (0,):
            raise StageError(f"`sc {' '.join(arguments)}` ended with {code}:\n{output}")
        return output

    async def open_account(self) -> None:
        """The viewer can sign in at the page: the one-time set-up link was used, as a person would."""
        link = SET_UP.search(self.stage.log_file.read_text(encoding="utf-8"))
        if link is None:
            raise StageError("the server printed no set-up link")
        form = {
            "handle": VIEWER, "name": "The viewer", "email": "viewer@calm-kettle.example",
            "password": self.password, "time_zone": "UTC",
        }  # fmt: skip
        headers = {"Origin": self.stage.url, "Content-Type": "application/x-www-form-urlencoded"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                self.stage.url + link.group(0), data=urlencode(form), headers=headers, allow_redirects=False
            ) as answer,
        ):
            if answer.status >= 400:
                raise StageError(f"the first account could not be made: HTTP {answer.status}")

    async def ship(self, version: str, **behaviour: float) -> str:
        """The version is being deployed; returns DEP-n."""
        folder = self.stage.write_version(version, **behaviour)
        shown = f"ops deploy shop builds/{version} --env=production"
        await self.sc("ops", "deploy", "shop", str(folder), f"--env={ENVIRONMENT}", "--detach", shown=shown)
        page = await self.call("get", "/api/v1/deployments", limit=1)
        return str(page["items"][0]["id"])

    async def watch(self, deployment: str, version: str) -> dict[str, Any]:
        """Draw the rollout until it ends; returns the deployment with its evidence."""
        with self.voice.bars() as bars:
            while True:
                now: dict[str, Any] = await self.call("get", f"/api/v1/deployments/{deployment}")
                bars.show(f"traffic to {version}", now["weight"] or 0, now["state"])
                bars.show("evidence against it", _evidence_percent(now), _in_short(now))
                if not now["is_running"]:
                    return now
                await asyncio.sleep(POLL_S)


def _evidence_percent(deployment: dict[str, Any]) -> float:
    """Return how far the strongest evidence has climbed towards what it must reach, on a log scale."""
    shares = [m["evidence"] / m["needed"] for m in (deployment["evidence"] or {}).get("metrics", ())]
    return 100 * max(shares, default=0.0)


def _in_short(deployment: dict[str, Any]) -> str:
    """Return the verdict so far in a few words."""
    if deployment["verdict"] == "INSUFFICIENT" and deployment["is_running"]:
        return "nothing bad seen, not enough traffic yet to be sure"
    reason = deployment["verdict_reason"] or "nothing to compare yet"
    return str(reason).split(";")[0]


async def act_one(story: Story) -> None:
    """v1 serves; v2, healthy, replaces it without a failed request."""
    voice = story.voice
    voice.act("1  A healthy release")
    first = await story.watch(await story.ship("v1"), "v1")
    _expect(first, "completed")
    voice.good("v1 serves. There was nothing to compare it with: health and smoke tests passed.")
    story.load.reset()
    await asyncio.sleep(3)
    voice.say(f"Visitors arrive: {story.load.reset().requests / 3:.0f} requests per second through the proxy.")
    second = await story.watch(await story.ship("v2"), "v2")
    _expect(second, "completed")
    seen = story.load.reset()
    story.shift_failures = seen.failed
    voice.good(f"v2 serves everything, {'proven' if second['is_proven'] else 'not proven'}. {_shares(seen)}.")
    voice.good(f"Failed requests during the shift: {seen.failed} of {seen.requests}.")


async def act_two(story: Story, *, slow: bool) -> dict[str, Any]:
    """v3, bad, rolls itself back; returns its deployment."""
    voice = story.voice
    voice.act("2  A bad release")
    voice.say("v3 is 40 % slower under load." if slow else "v3 answers 5 % of its requests with an error.")
    behaviour = {"slowdown": 1.4} if slow else {"error_rate": 0.05}
    third = await story.watch(await story.ship("v3", **behaviour), "v3")
    _expect(third, "rolled-back")
    seen = story.load.reset()
    story.bad_failures = seen.failed
    voice.bad(str(third["end_reason"]))
    voice.good(f"Rolled back by itself: 100 % on v2, {third['rollback_took_s'] * 1000:.0f} ms after the decision.")
    voice.say(f"{seen.failed} of {seen.requests} requests failed meanwhile. {_shares(seen)}.")
    kept = next((r for r in third["revisions"] if r["name"] == third["candidate_revision"]), None)
    if kept is not None and kept["stop_at"]:
        voice.say(f"v3 keeps running without traffic, for whoever looks into it, until {kept['stop_at'][:16]}Z:")
    logs = await story.sc("logs", "shop", f"--revision={third['candidate_revision']}")
    voice.quote(logs.splitlines()[-3:])
    return third


async def act_three(story: Story) -> dict[str, Any]:
    """The incident: Alice does not answer, Bob does; returns the resolved incident."""
    voice = story.voice
    voice.act("3  The page and the incident")
    voice.say("The rollback opened an incident. Alice is primary on call, Bob is secondary:")
    voice.quote((await story.sc("oncall")).splitlines())
    alice, bob = await _on_call(story)
    first = await story.inbox.wait_for(f"{alice}@calm-kettle.example", timeout_s=30)
    _show(voice, first)
    voice.say(f"{len(story.receiver.calls)} webhook call(s) arrived as well.")
    voice.say(f"{alice.title()} sleeps. Waiting for the next step …")
    second = await story.inbox.wait_for(f"{bob}@calm-kettle.example", timeout_s=90)
    _show(voice, second)
    await _acknowledge(second)
    voice.good(f"{bob.title()} pressed the one button behind the link: acknowledged.")
    page = await story.call("get", "/api/v1/incidents", limit=10)
    if len(page["items"]) != 1:
        raise StageError(f"{len(page['items'])} incidents were opened instead of one")
    incident = page["items"][0]["id"]
    await story.sc("ops", "mitigate", incident, "--how=v3 was rolled back; v2 serves")
    await story.sc("ops", "resolve", incident, "--summary=v3 was a bad release; users are served by v2")
    report = await story.sc("ops", "incident-report", f"--id={incident}")
    voice.document(report)
    ended: dict[str, Any] = await story.call("get", f"/api/v1/incidents/{incident}")
    return ended


def act_four(story: Story, deployment: dict[str, Any], incident: dict[str, Any]) -> list[Figure]:
    """The figures, beside the SOP's targets."""
    decided = datetime.fromisoformat(incident["detected_at"])
    first_page_s = (
        min((mail.at - decided).total_seconds() for mail in story.inbox.mails) if story.inbox.mails else None
    )
    found = figures(
        deployment,
        incident,
        shift_failures=story.shift_failures,
        failed=story.bad_failures,
        first_page_s=first_page_s,
    )
    story.voice.act("4  What was measured")
    story.voice.table("", ("figure", "measured", "target", "met"), [figure.row() for figure in found])
    return found


def _expect(deployment: dict[str, Any], state: str) -> None:
    if deployment["state"] != state:
        reason = deployment["end_reason"] or deployment["problem"] or deployment["verdict_reason"]
        raise StageError(f"{deployment['id']} is {deployment['state']} instead of {state}: {reason}")


def _shares(counts: Counts) -> str:
    known = {version: n for version, n in counts.by_version.items() if version != "unknown"}
    return "Answered by " + ", ".join(f"{version}: {n}" for version, n in sorted(known.items()))


def _show(voice: Voice, mail: Mail) -> None:
    voice.say(f"A mail for {mail.to}:")
    voice.quote([f"Subject: {mail.subject}", *mail.text.splitlines()[:6]])


async def _on_call(story: Story) -> tuple[str, str]:
    (now,) = (await story.call("get", "/api/v1/oncall"))["items"]
    return str(now["primary"]), str(now["secondary"])


async def _acknowledge(mail: Mail) -> None:
    """Open the link, as a mail scanner might, and then press the button, as only a person does."""
    link = mail.acknowledge_link
    if link is None:
        raise StageError("the mail has no link to acknowledge with")
    async with aiohttp.ClientSession() as http:
        async with http.get(link) as shown:
            shown.raise_for_status()
        async with http.post(link) as pressed:
            pressed.raise_for_status()
