"""Messages that hang in one channel keep those of the others waiting not an instant."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextlib import suppress
from types import coroutine
from typing import Any

import pytest

from staycalm.domains.oncall.contacts.decisions import ContactMethod
from staycalm.domains.oncall.notifications import service
from staycalm.domains.oncall.notifications.messages import Content
from staycalm.kit.database import Database, Tx
from staycalm.ports.messages import Message, Receipt
from tests.conftest import VirtualClock
from tests.domains.oncall.world import World
from tests.scenarios.fakes.channel import FakeChannel


@coroutine
def for_ever() -> Generator[None, None, None]:
    while True:
        yield


class SilentChannel(FakeChannel):
    """Takes every message and never answers."""

    taken = 0

    async def send(self, address: str, message: Message) -> Receipt:
        self.taken += 1
        await for_ever()
        raise AssertionError("unreachable")


class Hung(World):
    """What hangs stays under way, as in a server, while others go on."""

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.__dict__.setdefault("under_way", []).append(work)
        with suppress(StopIteration):
            work.send(None)


@pytest.fixture
def world(world_db: Database, clock: VirtualClock) -> World:
    made = Hung(world_db, clock)
    made.apply()
    made.channels["webhook"] = SilentChannel("webhook")
    return made


def tell(tx: Tx, kind: str, address: str, nth: int) -> None:
    content = Content(subject=f"INC-{nth}", title="down", priority="P0", url_path=f"/incidents/INC-{nth}")
    method = ContactMethod(id=f"alice:{kind}", person="alice", kind=kind, address=address, position=0)
    service.queue(tx, kind="page", person="alice", content=content, step="0/0/1", state=str(nth), methods=[method])


def test_a_page_by_mail_leaves_while_hundreds_hang_at_a_webhook(world: World) -> None:
    world.write(lambda tx: [tell(tx, "webhook", "https://chat.example/hook", nth) for nth in range(400)])
    world.settle()
    silent = world.channels["webhook"]
    assert isinstance(silent, SilentChannel) and 0 < silent.taken < 400
    world.write(tell, "email", "alice@example.com", 400)
    world.settle()
    assert [message.data["subject"] for message in world.email.to("alice@example.com")] == ["INC-400"]
