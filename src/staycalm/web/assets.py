"""Stylesheets and scripts as the browser gets them: joined at the start, named by their content, cached for ever.

`static/css/*.css` is one bundle: what everybody builds on first (`FIRST_SHEETS`), then the rest by name. The
scripts of every page (`SHELL`) are one bundle too; any other file of `static/js` is for the pages that name it
with `script_url("charts")`. There is no build step: a new file is there after the next start.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FIRST_SHEETS = ("tokens", "base", "layout", "components")
SHELL = ("calm", "toasts", "times", "live", "tables", "shortcuts", "palette")
FOR_EVER = "public, max-age=31536000, immutable"
SMALLEST_COMPRESSED = 500


@dataclass(frozen=True)
class Asset:
    """One file as it leaves: `name` holds a hash of its content, so it never changes under its address."""

    name: str
    media_type: str
    body: bytes
    compressed: bytes

    @property
    def url(self) -> str:
        return f"/static/{self.name}"


class Assets:
    """Answers below `/static`: the bundles and scripts by hashed name, else the file in the folder."""

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=str(folder))
        self._sheet = asset("staycalm", "css", "text/css", (_read(file) for file in sheets(folder)))
        shell = [folder / "js" / f"{name}.js" for name in SHELL]
        self._shell = asset("shell", "js", "text/javascript", (_read(file) for file in shell))
        self._scripts = {
            file.stem: asset(file.stem, "js", "text/javascript", [_read(file)])
            for file in sorted((folder / "js").glob("*.js"))
            if file not in shell
        }
        self._by_path = {each.url: each for each in (self._sheet, self._shell, *self._scripts.values())}

    @property
    def sheet_url(self) -> str:
        return self._sheet.url

    @property
    def shell_url(self) -> str:
        return self._shell.url

    def script_url(self, name: str) -> str:
        """Return the address of `static/js/NAME.js`, which some pages load besides the shell."""
        return self._scripts[name].url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._by_path.get(scope.get("path", ""))
        if found is None:
            await self._files(scope, receive, send)
            return
        await _answer(found, scope)(scope, receive, send)


def sheets(folder: Path) -> list[Path]:
    """Return the stylesheets in the order in which they are joined."""
    rank = {name: n for n, name in enumerate(FIRST_SHEETS)}
    return sorted((folder / "css").glob("*.css"), key=lambda file: (rank.get(file.stem, len(rank)), file.stem))


def asset(stem: str, suffix: str, media_type: str, texts: Iterable[str]) -> Asset:
    """Return the joined texts under a name that changes with them. `mtime=0`: the same bytes at every start."""
    body = "\n".join(texts).encode()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"{stem}-{digest}.{suffix}", media_type, body, gzip.compress(body, 9, mtime=0))


def _answer(found: Asset, scope: Scope) -> Response:
    if scope["method"] not in ("GET", "HEAD"):
        return PlainTextResponse("Method Not Allowed", status_code=405, headers={"Allow": "GET, HEAD"})
    accepted = b"".join(value for name, value in scope["headers"] if name == b"accept-encoding")
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if b"gzip" not in accepted:
        return Response(found.body, media_type=found.media_type, headers=headers)
    return Response(found.compressed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


class CompressedPages:
    """Wraps the application: pages leave compressed. The API and the live stream are passed on as they come.

    A compressor holds bytes back until its window is full, and somebody who follows a log waits for them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=SMALLEST_COMPRESSED, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_page = scope["type"] == "http" and not path.startswith(("/api/", "/live", "/static/"))
        await (self._compressing if is_page else self._app)(scope, receive, send)
