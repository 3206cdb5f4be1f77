"""The edges of the application: its routes, what they need, its live pages, and its first start."""

from __future__ import annotations

import sys
from typing import Any

from staycalm.app import system, wiring
from staycalm.app.outside import Outside
from staycalm.app.settings import Settings
from staycalm.domains.accounts import api as accounts_api
from staycalm.domains.accounts import pages as accounts_pages
from staycalm.domains.accounts.edge import AccountsEdge
from staycalm.domains.accounts.guard import AccountsGuard
from staycalm.domains.accounts.links import make_set_up_link
from staycalm.domains.accounts.sign_in.local import ensure_local_token_file
from staycalm.domains.accounts.sign_in.passwords import Passwords
from staycalm.domains.alerts import api as alerts_api
from staycalm.domains.alerts import pages as alerts_pages
from staycalm.domains.alerts.edge import AlertsEdge
from staycalm.domains.alerts.intake.api import WEBHOOK_PATH, receive
from staycalm.domains.audit import api as audit_api
from staycalm.domains.catalog import api as catalog_api
from staycalm.domains.deployments import api as deployments_api
from staycalm.domains.deployments import pages as deployments_pages
from staycalm.domains.deployments.edge import DeploymentsEdge
from staycalm.domains.incidents import api as incidents_api
from staycalm.domains.incidents import pages as incidents_pages
from staycalm.domains.incidents.edge import IncidentsEdge
from staycalm.domains.incidents.postmortem import api as post_mortem_api
from staycalm.domains.incidents.postmortem import pages as post_mortem_pages
from staycalm.domains.monitoring import api as monitoring_api
from staycalm.domains.oncall import api as oncall_api
from staycalm.domains.oncall import calendar_pages as oncall_calendar_pages
from staycalm.domains.oncall import pages as oncall_pages
from staycalm.domains.oncall.digest import pages as digest_pages
from staycalm.domains.oncall.edge import OncallEdge
from staycalm.domains.oncall.feeds import api as feeds_api
from staycalm.domains.oncall.feeds import pages as feeds_pages
from staycalm.domains.oncall.feeds.pace import FeedPace
from staycalm.domains.oncall.public import record_server
from staycalm.domains.oncall.schedules import api as schedules_api
from staycalm.domains.oncall.schedules import pages as schedules_pages
from staycalm.domains.releases import api as releases_api
from staycalm.domains.releases.intake import Intake
from staycalm.kit.database import Database
from staycalm.kit.directory import DataDirectory
from staycalm.kit.http import Router
from staycalm.kit.http.direct import Plain
from staycalm.web import contact_settings, first_run, home, people, person
from staycalm.web.services import pages as services_pages


def routes() -> Router:
    """Return every route, the API first."""
    every = Router()
    for router in (
        accounts_api.router,
        audit_api.router,
        catalog_api.router,
        releases_api.router,
        deployments_api.router,
        monitoring_api.router,
        oncall_api.router,
        schedules_api.router,
        feeds_api.router,
        alerts_api.router,
        # Before the routes of one incident: "actions" is no incident's name.
        post_mortem_api.router,
        incidents_api.router,
        system.router,
        accounts_pages.page_router,
        home.page_router,
        services_pages.page_router,
        people.page_router,
        person.page_router,
        contact_settings.page_router,
        first_run.page_router,
        deployments_pages.page_router,
        alerts_pages.page_router,
        post_mortem_pages.page_router,
        incidents_pages.page_router,
        oncall_pages.page_router,
        digest_pages.page_router,
        feeds_pages.page_router,
        oncall_calendar_pages.page_router,
        schedules_pages.page_router,
    ):
        every.include_router(router)
    return every


def direct_routes() -> dict[tuple[str, str], Plain]:
    """Return the routes that are asked so often that they are found before any router."""
    return {("POST", WEBHOOK_PATH): receive}


def fill_state(state: Any, settings: Settings, outside: Outside, database: Database, url: str) -> None:
    """`app.state` holds what the routes of each domain ask for."""
    guard = AccountsGuard(database, settings.accounts)
    state.guard = guard
    state.accounts = AccountsEdge(settings.accounts, Passwords(), guard)
    state.catalog_sections = wiring.file_sections()
    state.release_intake = Intake(
        outside.artifacts, outside.uploads, settings.releases.upload_limit_bytes, database.ids
    )
    state.deployments = DeploymentsEdge(settings.deployments, outside.targets, outside.smoke)
    state.alerts = AlertsEdge(database, settings.alerts)
    state.oncall = OncallEdge(url, FeedPace(database.clock))
    state.incidents = IncidentsEdge(settings.incidents, outside.printer)
    state.channels = outside.channels
    state.prober = outside.prober


async def first_start(
    database: Database, settings: Settings, outside: Outside, directory: DataDirectory, url: str
) -> None:
    """On-call knows this server's channels, the local `sc` has a token, and the set-up link was printed."""
    await ensure_local_token_file(database, directory.path)
    await database.write(record_server, channels=outside.channels, settings=settings.oncall)
    code = await database.write(make_set_up_link, valid_s=settings.accounts.set_up_s)
    if code is not None:
        print(f"First start. Make the first account at {url}/set-up/{code}", file=sys.stderr, flush=True)  # noqa: T201
