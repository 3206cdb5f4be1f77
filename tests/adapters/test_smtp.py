"""The SMTP channel against a real SMTP server in this process."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import shutil
import ssl
import subprocess
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st

from staycalm.adapters.smtp import SmtpChannel, SmtpSettings
from staycalm.adapters.smtp.compose import compose, normal_address
from staycalm.kit.settings import Secret
from staycalm.ports.errors import InvalidSpec, PortError
from staycalm.ports.messages import Message
from tests.adapters.channel_suite import PAGE, PATIENT_S, ChannelSuite, Peer
from tests.adapters.mail_server import AT, PLAIN, MailServer, deliver, running
from tests.conftest import VirtualClock

PASSWORD = "correct horse"


class TestSmtpChannel(ChannelSuite):
    bad_addresses: ClassVar[tuple[str, ...]] = (
        "", "bob", "@example.com", "bob@", "bob@example.com, eve@example.com", "bob@example.com\r\nBcc: eve@x.org",
        "Bob <bob@example.com>", "bob @example.com", "b..b@example.com", "bob@exa_mple.com", "bob@-x.com",
        "a" * 65 + "@example.com", "bob@" + "a." * 130 + "com", "bob@example.com\n",
    )  # fmt: skip

    def start(self, timeout_s: float = PATIENT_S) -> AbstractAsyncContextManager[Peer]:
        return running(replace(PLAIN, timeout_s=timeout_s, deadline_s=2 * timeout_s))


def test_the_mail_has_text_and_html_and_says_who_it_is_from() -> None:
    server = deliver(PAGE)
    (mail,) = server.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert str(mail["From"]) == "StayCalm <calm@ops.example>"
    assert str(mail["To"]) == "bob@example.com"
    assert str(mail["Date"]) == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert str(mail["Auto-Submitted"]) == "auto-generated"
    assert str(mail["Importance"]) == "high"
    assert server.envelopes[0].mail_from == "calm@ops.example"
    assert server.envelopes[0].rcpt_tos == ["bob@example.com"]


def test_the_message_id_is_an_id_of_the_senders_domain() -> None:
    (mail,) = deliver(PAGE).mails
    assert re.fullmatch(r"<[0-9a-f]{40}@ops\.example>", str(mail["Message-ID"]))


def test_a_possible_repeat_says_so() -> None:
    (mail,) = deliver(replace(PAGE, is_duplicate_possible=True)).mails
    assert str(mail["X-StayCalm-Possible-Duplicate"]) == "yes"
    text = mail.get_body(("plain",))
    assert text is not None and text.get_content().startswith("This may be a repeat")


def test_markup_in_the_text_stays_text_in_the_html_part() -> None:
    (mail,) = deliver(replace(PAGE, text="<script>alert(1)</script>", action_url="javascript:alert(1)")).mails
    html = mail.get_body(("html",))
    assert html is not None
    assert "&lt;script&gt;" in html.get_content()
    assert "<script" not in html.get_content() and "href" not in html.get_content()


def test_the_server_accepts_and_then_hangs_up_without_a_goodbye() -> None:
    class Rude(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            self.transport.abort()

    async def story() -> str:
        server = MailServer()
        loop = asyncio.get_running_loop()
        rude = await loop.create_server(lambda: Rude(server, loop=loop), "127.0.0.1", 0)
        channel = SmtpChannel(replace(PLAIN, port=rude.sockets[0].getsockname()[1]), VirtualClock(AT))
        try:
            return (await channel.send("bob@example.com", PAGE)).reference
        finally:
            rude.close()

    assert asyncio.run(story()) == "2.0.0 queued as 4711"


def test_a_digest_can_be_ended_from_the_mail_program_and_nothing_else_can() -> None:
    (page,) = deliver(PAGE).mails
    assert page["List-Unsubscribe"] is None and page["List-Unsubscribe-Post"] is None
    (digest,) = deliver(replace(PAGE, unsubscribe_url="https://calm.example/digest/stop/sc_ack_x")).mails
    assert str(digest["List-Unsubscribe"]) == "<https://calm.example/digest/stop/sc_ack_x>"
    assert str(digest["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "url", ["https://x.example/a>, <https://evil.example", "https://x\r\nBcc: eve", "mailto:a@b"]
)
def test_an_address_to_unsubscribe_at_cannot_become_another_header(url: str) -> None:
    with pytest.raises(InvalidSpec):
        deliver(replace(PAGE, unsubscribe_url=url))


# -- signing in and encryption ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"calm" and data.password == PASSWORD.encode(), handled=False)


def with_login(settings: SmtpSettings, password: str = PASSWORD) -> SmtpSettings:
    return replace(settings, username="calm", password=Secret(password))


def test_starttls_signs_in_over_the_encrypted_connection(certificate: tuple[Path, ssl.SSLContext]) -> None:
    cert, context = certificate
    settings = with_login(replace(PLAIN, security="starttls", ca_file=cert))
    server = deliver(PAGE, settings, tls_context=context, authenticator=authenticate, auth_required=True)
    assert len(server.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_tls_from_the_start(certificate: tuple[Path, ssl.SSLContext]) -> None:
    cert, context = certificate
    settings = with_login(replace(PLAIN, security="tls", ca_file=cert))
    server = deliver(
        PAGE,
        settings,
        implicit_tls=context,
        authenticator=authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    assert len(server.mails) == 1


def test_an_unknown_certificate_is_not_trusted(certificate: tuple[Path, ssl.SSLContext]) -> None:
    _, context = certificate
    with pytest.raises(PortError) as caught:
        deliver(PAGE, replace(PLAIN, security="starttls"), tls_context=context)
    assert caught.value.retryable
    assert "certificate" in str(caught.value).lower()


def test_a_server_without_starttls_gets_no_mail_in_the_clear() -> None:
    async def story() -> None:
        async with running(replace(PLAIN, security="starttls")) as server:
            with pytest.raises(PortError, match="STARTTLS"):
                await server.channel.send(server.address, PAGE)
            assert server.mails == []

    asyncio.run(story())


def test_a_wrong_password_is_final_and_is_not_told() -> None:
    with pytest.raises(PortError) as caught:
        deliver(PAGE, with_login(PLAIN, "hunter2-secret"), authenticator=authenticate, auth_require_tls=False)
    assert not caught.value.retryable
    assert "535" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_password_never_crosses_a_network_in_the_clear() -> None:
    with pytest.raises(InvalidSpec):
        SmtpChannel(with_login(replace(PLAIN, host="mail.example.com")), VirtualClock(AT))


def test_a_certificate_file_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidSpec, match="ca_file"):
        SmtpChannel(replace(PLAIN, security="tls", ca_file=Path("/nonexistent.pem")), VirtualClock(AT))


# -- composing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        ("Ada@Example.COM", "Ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("on-call+shop@localhost", "on-call+shop@localhost"),
    ],
)
def test_addresses_have_one_normal_form(address: str, normal: str) -> None:
    assert normal_address(address) == normal
    assert normal_address(normal) == normal


@given(
    subject=st.text(max_size=300), text=st.text(max_size=300), key=st.text(max_size=80), name=st.text(max_size=40)
)
def test_nothing_a_sender_writes_becomes_a_header(subject: str, text: str, key: str, name: str) -> None:
    message = Message(subject=subject, text=text, idempotency_key=key)
    try:
        mail = compose("bob@example.com", message, sender="calm@ops.example", sender_name=name, at=AT)
    except InvalidSpec:
        return
    allowed = {
        "from", "to", "subject", "date", "message-id", "auto-submitted", "x-staycalm-key", "mime-version",
        "content-type",
    }  # fmt: skip
    parsed = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert {name.lower() for name in parsed} <= allowed
    assert str(parsed["To"]) == "bob@example.com"
    assert isinstance(parsed, EmailMessage) and len(list(parsed.iter_parts())) == 2
