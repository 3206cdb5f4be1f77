"""How sheets and scripts leave: joined, named by content, kept for ever; streams are held back by nobody."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from staycalm.web.assets import Assets, CompressedPages, asset, sheets

STATIC = Path(str(files("staycalm"))) / "web" / "static"
LONG = "calm " * 2000


def fetch(app: object, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://calm") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_what_others_build_on_comes_first_and_every_sheet_is_in_it() -> None:
    names = [file.stem for file in sheets(STATIC)]
    assert names[:4] == ["tokens", "base", "layout", "components"]
    assert names[4:] == sorted(names[4:])
    assert set(names) == {file.stem for file in (STATIC / "css").iterdir()}


def test_a_bundle_is_kept_for_ever_and_leaves_compressed() -> None:
    assets = Assets(STATIC)
    app = Starlette(routes=[Mount("/static", assets)])
    packed = fetch(app, assets.sheet_url, **{"accept-encoding": "gzip"})
    plain = fetch(app, assets.sheet_url, **{"accept-encoding": "identity"})
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert plain.text.index("--ground:") < plain.text.index(".card {") < plain.text.index("@media print")
    assert fetch(app, assets.sheet_url, "POST").status_code == 405
    assert fetch(app, "/static/staycalm-000000000000.css").status_code == 404


def test_the_name_follows_the_content_and_nothing_else() -> None:
    first, same, other = (asset("a", "css", "text/css", [text]) for text in ("p{}", "p{}", "q{}"))
    assert first == same
    assert first.url != other.url
    assert gzip.decompress(first.compressed) == first.body


def test_a_script_for_some_pages_is_named_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "js").mkdir()
    for name in ("calm", "toasts", "times", "live", "tables", "shortcuts", "palette", "extra"):
        (tmp_path / "js" / f"{name}.js").write_text(f"// {name}\n")
    assets = Assets(tmp_path)
    assert fetch(assets, assets.script_url("extra")).text == "// extra\n"
    shell = fetch(assets, assets.shell_url).text
    assert shell.index("// calm") < shell.index("// palette")
    assert "// extra" not in shell
    with pytest.raises(KeyError):
        assets.script_url("live")


async def _drip() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield LONG.encode()


@pytest.mark.parametrize(
    ("path", "is_compressed"), [("/", True), ("/api/v1/logs", False), ("/live", False), ("/static/x", False)]
)
def test_pages_are_compressed_and_streams_are_not(path: str, is_compressed: bool) -> None:
    app = Starlette(
        routes=[
            Route("/", lambda request: PlainTextResponse(LONG)),
            Route("/{rest:path}", lambda request: StreamingResponse(_drip(), media_type="text/event-stream")),
        ]
    )
    answer = fetch(CompressedPages(app), path, **{"accept-encoding": "gzip"})
    assert ("content-encoding" in answer.headers) is is_compressed
    assert answer.text.startswith("calm calm")
