"""A catalog from `sc init`, and releases of a shop that is a directory of files."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.server import Said, Server

PASSWORD = "correct horse battery"
SAM = """\
people:
  sam:
    name: Sam
    email: sam@example.org
    roles: [support]
"""


@dataclass
class Shop:
    """The shop of one server. `invitations` are the links that apply printed, by handle."""

    server: Server
    file: Path
    invitations: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def open(server: Server, port: int) -> Shop:
        assert server.sc("init").code == 0
        file = server.folder / "staycalm.yaml"
        text = file.read_text(encoding="utf-8").replace("port: 8080", f"port: {port}").replace("people:\n", SAM, 1)
        file.write_text(text, encoding="utf-8")
        applied = server.sc("apply", str(file), "--yes", "--json")
        assert applied.code == 0, applied
        shop = Shop(server, file, {each["handle"]: each["path"] for each in applied.json["invitations"]})
        first = shop.deploy("first")
        assert first.code == 0, first
        return shop

    def build(self, name: str) -> Path:
        folder = self.server.folder / "builds" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(f"<title>{name}</title>", encoding="utf-8")
        return folder

    def deploy(self, name: str, *more: str, **env: str) -> Said:
        hotfix = ("--hotfix", "--reason=test")
        return self.server.sc(
            "ops", "deploy", "shop", str(self.build(name)), "--env=production", *hotfix, *more, **env
        )

    def get(self, path: str) -> Any:
        request = urllib.request.Request(
            self.server.url + path, headers={"Authorization": f"Bearer {self.server.token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.server.url + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def sign_in(shop: Shop, handle: str) -> str:
    """Return a token of the person, who took their invitation and used `sc login`."""
    url = shop.server.url
    form = urllib.parse.urlencode({"password": PASSWORD}).encode()
    request = urllib.request.Request(url + shop.invitations[handle], data=form, headers={"Origin": url})
    opener = urllib.request.build_opener(_Stay)
    with opener.open(request, timeout=60) as answer:
        assert answer.status in (200, 303)
    home = str(shop.server.folder / f"home-{handle}")
    said = shop.server.sc(
        "login", url, "--handle", handle, "--password-stdin", stdin=PASSWORD + "\n", XDG_CONFIG_HOME=home
    )
    assert said.code == 0, said
    saved = Path(home) / "staycalm" / "login.json"
    assert saved.stat().st_mode & 0o077 == 0
    return str(json.loads(saved.read_text(encoding="utf-8"))["token"])


class _Stay(urllib.request.HTTPRedirectHandler):
    """Do not go where the server sends us: the page there is not what is tested."""

    def redirect_request(self, *_: Any) -> None:
        return None

    def http_error_303(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.status = code
        return fp
