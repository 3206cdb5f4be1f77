"""What is written of a person, checked: handle, name, e-mail address, time zone, standing roles."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from staycalm.core.errors import Conflict, Invalid
from staycalm.core.placement import check_name
from staycalm.core.text import has_control
from staycalm.core.zones import find_zone
from staycalm.domains.accounts.decisions import STANDING_ROLES, check_role
from staycalm.domains.accounts.model import people
from staycalm.kit.database import ReadTx

RESERVED_HANDLES = frozenset({"local", "staycalm", "system", "anonymous", "unknown", "ci"})
LONGEST_NAME = 200


def checked_details(tx: ReadTx, handle: str, *, name: str, email: str, time_zone: str) -> dict[str, str]:
    """Return the columns that say who the person is. Raises Invalid, or Conflict when the address is taken."""
    return {
        "name": check_person_name(name),
        "email": email.strip(),
        "email_key": check_email(tx, handle, email),
        "time_zone": check_time_zone(time_zone),
    }


def check_handle(handle: str) -> None:
    """Raise Invalid for what is no handle, or one that names something else in the log."""
    check_name(handle, "handle")
    if handle in RESERVED_HANDLES:
        raise Invalid("bad-handle", f"the handle {handle} is taken by StayCalm", next_step="Choose another one.")


def check_person_name(name: str) -> str:
    """Return the name as it is stored. Raises Invalid."""
    found = name.strip()
    if not 1 <= len(found) <= LONGEST_NAME or has_control(found):
        raise Invalid(
            "bad-name",
            f"a name has 1 to {LONGEST_NAME} characters in one line",
            next_step="Write it as others know you.",
        )
    return found


def check_standing(roles: Iterable[str]) -> list[str]:
    """Return the roles, sorted, each once. Raises Invalid for one that nobody may hold for ever."""
    wanted = sorted({check_role(role) for role in roles})
    for role in wanted:
        if role not in STANDING_ROLES:
            raise Invalid(
                "bad-role", f"{role} is not a role to hold for ever", next_step=f"Use {', '.join(STANDING_ROLES)}."
            )
    return wanted


def check_time_zone(name: str) -> str:
    """Return the zone's name. Raises Invalid."""
    if find_zone(name) is None:
        raise Invalid(
            "bad-time-zone",
            f"there is no time zone {name[:100]!r}",
            next_step="Use an IANA name like Europe/Berlin.",
        )
    return name


def check_email(tx: ReadTx, handle: str, email: str) -> str:
    """Return what the address is known by. Raises Invalid, or Conflict when it is somebody else's."""
    key = email.strip().casefold()
    if "@" not in key.strip("@") or len(key) > 320 or has_control(key):
        raise Invalid(
            "bad-email", f"{email[:100]!r} is not an e-mail address", next_step="Write it like ada@example.org."
        )
    holder = tx.scalar(sa.select(people.c.handle).where(people.c.email_key == key, people.c.handle != handle))
    if holder is not None:
        raise Conflict("email-taken", f"{email} belongs to {holder}", next_step="One person has one account.")
    return key
