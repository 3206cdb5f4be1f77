"""Every secret of a whole story on a real server, looked for in its log, events, pages, errors and files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import httpx
import pytest

from staycalm.app.openapi import permissions
from tests.api.document import API
from tests.processes.nursery import servers
from tests.processes.servers import PATIENCE_S, Inbox, Server, apply, eventually

PASSWORD = "Zx9-long-enough-passphrase"
GUESS = "Zx9-a-guess-that-was-wrong"
IN_THE_ENVIRONMENT = {
    "SC_WEBHOOK_SECRET": "Zx9-webhook-key",
    "SC_SMTP_PASSWORD": "Zx9-smtp-password",
    "SC_NTFY_TOKEN": "Zx9-ntfy-token",
    "SC_PROMETHEUS_BEARER_TOKEN": "Zx9-prometheus-token",
}
SETTINGS = {
    **{name: f"${{env:KEEP_{name}}}" for name in IN_THE_ENVIRONMENT},
    **{f"KEEP_{name}": value for name, value in IN_THE_ENVIRONMENT.items()},
    "SC_SMTP_HOST": "127.0.0.1", "SC_SMTP_PORT": "9", "SC_SMTP_USERNAME": "calm", "SC_SERVER_LOG_LEVEL": "debug",
    "SC_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8", "SC_PROMETHEUS_URL": "http://127.0.0.1:9",
}  # fmt: skip
GETS = sorted(
    {path for method, path in permissions(API.routes) if method == "get" and "{" not in path} - {"/live"}
)


class Told:
    """The story after it was told: `secrets` by what they are, `texts` by where they were found."""

    def __init__(self, server: Server, inbox: Inbox) -> None:
        self.server, self.inbox = server, inbox
        self.secrets: dict[str, str] = {"password": PASSWORD, "guess": GUESS, **IN_THE_ENVIRONMENT}
        self.texts: dict[str, str] = {}
        self.secrets["local token"] = (server.directory / "cli-token").read_text().strip()
        apply(server, inbox)
        self._sign_in()
        self._page()
        self._go_wrong()
        self._look()

    def _sign_in(self) -> None:
        body = {"handle": "eve", "name": "Eve", "email": "eve@example.com", "roles": ["admin"]}
        path = self.server.post("/api/v1/people", body)["path"]
        self.secrets["invitation"] = path.rpartition("/")[2]
        with httpx.Client(
            base_url=self.server.url, timeout=PATIENCE_S, trust_env=False, headers={"Origin": self.server.url}
        ) as client:
            client.get(path)
            client.post(path, data={"password": "short"})
            assert client.post(path, data={"password": PASSWORD}).status_code == 303
            self.secrets["session"] = client.cookies["sc_session"]
            self.texts["a wrong log-in"] = client.post("/login", data={"handle": "eve", "password": GUESS}).text
            told = client.post("/api/v1/login", json={"handle": "eve", "password": PASSWORD})
            self.secrets["log-in token"] = told.json()["token"]
            self.secrets["own token"] = client.post("/api/v1/tokens", json={"name": "script"}).json()["token"]
        machine = self.server.post("/api/v1/tokens/service", {"name": "ci"})
        self.secrets["machine token"] = machine["token"]

    def _page(self) -> None:
        self.server.post("/api/v1/incidents", {"title": "Down", "priority": "P0", "service": "s1"})
        eventually(lambda: self.inbox.bodies, what="the page")
        link = next(iter(self.inbox.bodies.values()))["action_url"]
        self.secrets["acknowledgement"] = link.rpartition("/")[2]
        with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
            client.get(link)
            client.post(link)
            client.post(link)

    def _go_wrong(self) -> None:
        wrong = {
            "a password of the wrong type": ("/api/v1/login", {"handle": "eve", "password": {"a": GUESS}}),
            "a field too many": ("/api/v1/login", {"handle": "eve", "passwort": GUESS, "password": PASSWORD}),
            "no JSON": ("/api/v1/tokens", None),
        }
        for name, (path, body) in wrong.items():
            answer = self.server.ask("POST", path, json=body)
            self.texts[f"the answer to {name}"] = answer.text
        for secret in list(self.secrets.values()):
            for headers in ({"Authorization": f"Bearer {secret}x"}, {"Authorization": f"Basic {secret}"}):
                answer = httpx.get(
                    f"{self.server.url}/api/v1/whoami", headers=headers, timeout=PATIENCE_S, trust_env=False
                )
                self.texts[f"a bad credential {len(self.texts)}"] = answer.text

    def _look(self) -> None:
        for path in GETS:
            self.texts[f"GET {path}"] = self.server.ask("GET", path, headers={"Accept": "text/html"}).text
        self.texts["the events"] = str(self.server.events(""))
        self.texts["the log"] = self.server.log
        for file in sorted(self.server.directory.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.name != "cli-token":
                with contextlib.suppress(FileNotFoundError):  # the server works on, and takes files away
                    self.texts[f"the file {file.name}"] = file.read_bytes().decode("latin-1")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    inbox = Inbox()
    with servers(tmp_path_factory.mktemp("secrets"), **SETTINGS) as make:
        yield Told(make("a").start(), inbox)
    inbox.close()


def test_the_story_had_its_secrets_and_places(told: Told) -> None:
    assert all(len(secret) >= 12 for secret in told.secrets.values())
    assert len(told.secrets) == 13 and len(told.texts) > 50
    assert "eve" in told.texts["the events"] and "StayCalm" in told.texts["the log"]


def test_no_secret_is_in_any_log_event_page_error_or_file(told: Told) -> None:
    leaks = [
        f"{name} in {place}"
        for name, secret in told.secrets.items()
        for place, text in told.texts.items()
        if secret in text
    ]
    assert leaks == []


def test_nothing_that_looks_like_a_secret_is_in_the_log(told: Told) -> None:
    # The link of the first start is meant to be read there: whoever reads it first makes the first account.
    rest = "".join(line for line in told.texts["the log"].splitlines() if not line.startswith("First start. "))
    assert re.findall(r"sc_(?:pat|ses|ack|inv|set|cal)_[A-Za-z0-9_-]{6,}", rest) == []
