"""Which alerts are meant: named ones, or all that match a filter; and what is done to them, or only counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from staycalm.core.actor import Actor
from staycalm.domains.alerts.browsing.decisions import AlertFilter
from staycalm.domains.alerts.browsing.queries import count_exactly, newest_id
from staycalm.domains.alerts.bulk import service
from staycalm.domains.alerts.bulk.decisions import Action, Bulk
from staycalm.domains.alerts.muting import kinds
from staycalm.domains.alerts.muting.decisions import Silence
from staycalm.domains.alerts.muting.kinds import Kind
from staycalm.domains.alerts.queries import alerts_of_group, get_group
from staycalm.domains.alerts.settings import AlertsSettings
from staycalm.kit.database import ReadTx, Tx


@dataclass(frozen=True)
class Choice:
    """The alerts named by id, or all that match a filter as of the alert `upto` ("": as of now)."""

    ids: tuple[str, ...]
    wanted: AlertFilter
    upto: str
    is_all: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """How many alerts are meant; with `upto` told again, those raised since are left alone."""

    many: int
    upto: str


def act(tx: Tx, actor: Actor, action: Action, choice: Choice, reason: str) -> Bulk:
    """What was chosen is acknowledged or resolved as far as it may be. Raises Invalid, NotFound."""
    if choice.is_all:
        return service.act_on_matching(tx, actor, action, choice.wanted, upto=choice.upto, reason=reason)
    return service.act_on_named(tx, actor, action, named(tx, choice.ids), reason=reason)


def count(tx: ReadTx, choice: Choice) -> Counted:
    """Return how many alerts are meant. Raises Invalid, NotFound."""
    if not choice.is_all:
        return Counted(len(service.checked(named(tx, choice.ids))), "")
    service.check_open(choice.wanted)
    upto = choice.upto or newest_id(tx)
    return Counted(count_exactly(tx, choice.wanted, upto=upto), upto)


def kinds_of(tx: ReadTx, choice: Choice) -> tuple[Kind, ...]:
    """Return what muting the choice would mute, most first. Raises Invalid for more than twenty kinds."""
    if not choice.is_all:
        return kinds.of_named(tx, service.checked(named(tx, choice.ids)))
    service.check_open(choice.wanted)
    return kinds.of_matching(tx, choice.wanted)


def silence(
    tx: Tx, actor: Actor, choice: Choice, *, until: datetime, reason: str, settings: AlertsSettings
) -> tuple[Silence, ...]:
    """Alerts like the chosen ones page nobody until then."""
    found = kinds_of(tx, choice)
    return kinds.silence_all(tx, actor, found, reason=reason, until=until, settings=settings)


def named(tx: ReadTx, ids: Sequence[str]) -> list[str]:
    """Return the ids of alerts; a group, ALG-n, stands for its open ones. Raises NotFound for an unknown group."""
    found: list[str] = []
    for id in ids:
        if not id.upper().startswith("ALG-"):
            found.append(id)
            continue
        members = alerts_of_group(tx, get_group(tx, id).id)
        found += [alert.id for alert in members if alert.state != "resolved"]
    return found
