"""Every generated file of the repository, by its path."""

from __future__ import annotations

import json
from typing import Any

from staycalm.app import assembly
from staycalm.app.openapi import StayCalmApi, new_api
from staycalm.app.reference.access_page import access_page
from staycalm.app.reference.api_page import api_page
from staycalm.app.reference.cli_pages import cli_page, exit_codes_page
from staycalm.app.reference.settings_page import settings_page

NOTE = "<!-- Written by `python -m staycalm.app.reference`; change the code, not this file. -->\n\n"


def api() -> StayCalmApi:
    """Return the application with every route and nothing behind them."""
    found = new_api()
    found.router.routes.extend(assembly.routes().routes)
    return found


def files() -> dict[str, str]:
    """Return path → content of what is generated."""
    application = api()
    document = application.openapi()
    pages = {
        "settings": settings_page(),
        "cli": cli_page(),
        "exit-codes": exit_codes_page(),
        "api": api_page(document),
        "access": access_page(application.routes),
    }
    written = {f"docs/reference/{name}.md": _page(text) for name, text in pages.items()}
    return {"openapi.json": _json(document), **written}


def _page(text: str) -> str:
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NOTE}{rest.strip()}\n"


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
