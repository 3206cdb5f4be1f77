"""What every channel promises, run against a real peer of each kind on this machine."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol

import pytest

from staycalm.ports.errors import InvalidSpec, PortError
from staycalm.ports.messages import Channel, Message

PATIENT_S = 20.0
IMPATIENT_S = 0.3

Answer = Literal["accept", "later", "never", "hang"]

PAGE = Message(
    subject="P0 shop: error rate above 5 %",
    text="Error rate of shop in production is 7.4 %.\n\nSince 09:04 UTC – please look.",
    idempotency_key="ntf-0190-1",
    priority="P0",
    action_url="https://calm.example/ack/abc?to=bob&via=mail",
    data={"incident": "INC-7"},
)


@dataclass(frozen=True)
class Received:
    """What the peer was given, in the peer's own terms."""

    key: str
    subject: str
    text: str
    link: str | None


class Peer(Protocol):
    """A real server that the channel talks to."""

    answer: Answer

    @property
    def channel(self) -> Channel: ...

    @property
    def address(self) -> str: ...

    @property
    def received(self) -> list[Received]: ...

    async def stop(self) -> None: ...


class ChannelSuite:
    """Subclass as `TestX` and say how to start the peer; `bad_addresses` must all be refused."""

    bad_addresses: ClassVar[tuple[str, ...]] = ()

    def start(self, timeout_s: float = PATIENT_S) -> AbstractAsyncContextManager[Peer]:
        raise NotImplementedError

    def send(self, message: Message, *, answer: Answer = "accept", times: int = 1) -> list[Received]:
        async def story() -> list[Received]:
            async with self.start(IMPATIENT_S if answer == "hang" else PATIENT_S) as peer:
                peer.answer = answer
                for _ in range(times):
                    receipt = await peer.channel.send(peer.address, message)
                    assert receipt.reference
                return peer.received

        return asyncio.run(story())

    def failure(self, message: Message, answer: Answer) -> PortError:
        with pytest.raises(PortError) as caught:
            self.send(message, answer=answer)
        return caught.value

    def test_a_message_arrives_whole(self) -> None:
        (got,) = self.send(PAGE)
        assert got.subject == PAGE.subject
        assert "Error rate of shop in production is 7.4 %." in got.text
        assert "Since 09:04 UTC – please look." in got.text
        assert got.link == PAGE.action_url

    def test_every_try_carries_the_same_key(self) -> None:
        first, second = self.send(PAGE, times=2)
        assert first.key == second.key
        (other,) = self.send(replace(PAGE, idempotency_key="ntf-0190-2"))
        assert other.key != first.key

    def test_a_passing_refusal_may_be_tried_again(self) -> None:
        assert self.failure(PAGE, "later").retryable

    def test_a_final_refusal_is_not_tried_again(self) -> None:
        assert not self.failure(PAGE, "never").retryable

    def test_a_peer_that_does_not_answer_is_given_up_in_time_and_tried_again(self) -> None:
        assert self.failure(PAGE, "hang").retryable

    def test_a_peer_that_is_gone_is_tried_again(self) -> None:
        async def story() -> None:
            async with self.start() as peer:
                await peer.stop()
                await peer.channel.send(peer.address, PAGE)

        with pytest.raises(PortError) as caught:
            asyncio.run(story())
        assert caught.value.retryable

    def test_line_breaks_in_the_subject_start_no_header_and_stop_no_page(self) -> None:
        (got,) = self.send(replace(PAGE, subject="P0 down\r\nBcc: eve@example.com\r\n\r\nhello"))
        assert got.subject == "P0 down Bcc: eve@example.com hello"

    @pytest.mark.parametrize("key", ["ntf\r\nBcc: eve@example.com", "ntf\nX: y", "ntf\x00"])
    def test_a_key_with_a_line_break_is_refused(self, key: str) -> None:
        with pytest.raises(InvalidSpec):
            self.send(replace(PAGE, idempotency_key=key))

    def test_odd_characters_arrive_or_are_replaced_but_stop_nothing(self) -> None:
        (got,) = self.send(replace(PAGE, subject="Störung 🔥", text="tab\t, nul\x00, lone \ud800, end"))
        assert got.subject == "Störung 🔥"
        assert got.text.startswith("tab\t") and "end" in got.text

    def test_bad_addresses_are_refused_in_words_before_anything_is_sent(self) -> None:
        async def story() -> None:
            async with self.start() as peer:
                assert peer.channel.check_address(peer.address) == peer.address
                for address in self.bad_addresses:
                    with pytest.raises(InvalidSpec):
                        peer.channel.check_address(address)
                    with pytest.raises(PortError) as caught:
                        await peer.channel.send(address, PAGE)
                    assert not caught.value.retryable, address
                assert peer.received == []

        asyncio.run(story())
