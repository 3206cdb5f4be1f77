"""People come in by invitation, hold roles for ever or for a while, and go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from staycalm.core.actor import SYSTEM, Actor
from staycalm.core.errors import Conflict, Invalid, NotFound
from staycalm.domains.accounts import links, queries, service
from staycalm.domains.accounts.people import Invitation
from staycalm.kit.database.log import after
from tests.conftest import VirtualClock, Write

ADMIN = Actor("person", "root", "Root")


def invite(write: Write, handle: str = "ada", **more: Any) -> Invitation | None:
    values = {"name": "Ada", "email": f"{handle}@x.example", "roles": ["developer"], "time_zone": "UTC"} | more
    invitation: Invitation | None = write(service.invite, ADMIN, handle=handle, **values)
    return invitation


def names(read: Write) -> list[str]:
    return [each.name for each in read(after, 0)]


def test_an_invited_person_has_an_account_but_no_password(write: Write, read: Write) -> None:
    invitation = invite(write)
    assert invitation is not None and invitation.code.startswith("sc_inv_")
    person = read(queries.get_person, "ada")
    assert (person.roles, person.has_password, person.is_active) == ({"developer"}, False, True)


def test_an_invitation_is_accepted_once(write: Write, read: Write) -> None:
    invitation = invite(write)
    assert invitation is not None
    assert write(links.accept_invitation, invitation.code, "hash") == "ada"
    assert read(queries.get_person, "ada").has_password
    with pytest.raises(NotFound):
        write(links.accept_invitation, invitation.code, "other hash")


def test_an_invitation_dies_of_age_and_of_a_newer_one(write: Write, clock: VirtualClock) -> None:
    first = invite(write)
    assert first is not None
    second = write(links.renew_invitation, ADMIN, "ada")
    with pytest.raises(NotFound):
        write(links.accept_invitation, first.code, "hash")
    clock.advance(days=7)
    with pytest.raises(NotFound):
        write(links.accept_invitation, second.code, "hash")


def test_no_secret_is_in_the_log(write: Write, read: Write) -> None:
    invitation = invite(write)
    assert invitation is not None
    write(links.accept_invitation, invitation.code, "$argon2id$hash")
    told = str([each.body for each in read(after, 0)])
    assert invitation.code not in told and "argon2" not in told


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"handle": "Ada"}, "bad-name"),
        ({"handle": "local"}, "bad-handle"),
        ({"roles": ["on-call"]}, "bad-role"),
        ({"roles": ["root"]}, "bad-role"),
        ({"email": "nowhere"}, "bad-email"),
        ({"time_zone": "Mars/Base"}, "bad-time-zone"),
        ({"time_zone": "../etc/passwd"}, "bad-time-zone"),
    ],
)
def test_a_bad_invitation_is_refused(write: Write, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        invite(write, **change)
    assert refused.value.code == code


def test_one_person_has_one_account(write: Write) -> None:
    invite(write)
    with pytest.raises(Conflict):
        invite(write)
    with pytest.raises(Conflict) as refused:
        invite(write, "ada2", email="ADA@x.example")
    assert refused.value.code == "email-taken"


def test_a_deactivated_person_holds_nothing_and_may_come_back(write: Write, read: Write) -> None:
    invitation = invite(write)
    assert invitation is not None
    write(links.accept_invitation, invitation.code, "hash")
    write(service.deactivate, ADMIN, "ada")
    write(service.deactivate, ADMIN, "ada")
    assert read(queries.effective_roles, "ada") == frozenset()
    assert read(queries.list_people) == ()
    assert invite(write, roles=["support"]) is None
    assert read(queries.effective_roles, "ada") == {"support"}
    assert names(read)[-2:] == ["accounts.person_deactivated", "accounts.person_reactivated"]


def test_nobody_deactivates_themselves(write: Write) -> None:
    invite(write)
    with pytest.raises(Conflict):
        write(service.deactivate, Actor("person", "ada"), "ada")


def test_what_the_file_manages_the_web_does_not_change(write: Write) -> None:
    invite(write, managed_by="file")
    values = {"name": "Eva", "email": "eva@x.example", "roles": [], "time_zone": "UTC"}
    with pytest.raises(Conflict) as refused:
        write(service.change_person, ADMIN, "ada", **values)
    assert refused.value.code == "managed-by-file"
    with pytest.raises(Conflict):
        write(service.deactivate, ADMIN, "ada")
    write(service.change_person, ADMIN, "ada", managed_by="file", **values)


def test_a_change_tells_which_fields(write: Write, read: Write) -> None:
    invite(write)
    same = {"name": "Ada", "email": "ada@x.example", "roles": ["developer"], "time_zone": "UTC"}
    before = len(names(read))
    write(service.change_person, ADMIN, "ada", **same)
    assert len(names(read)) == before
    write(service.change_person, ADMIN, "ada", **(same | {"name": "Ada L.", "roles": ["devops"]}))
    assert read(after, 0)[-1].body == {"changed": ["name", "roles"], "roles": ["devops"]}


def test_a_role_is_assumed_until_its_end(write: Write, read: Write, clock: VirtualClock) -> None:
    invite(write)
    end = clock.now() + timedelta(hours=8)
    write(service.assume_role, SYSTEM, "ada", "on-call", until=end, cause="shift/main/1")
    assert read(queries.effective_roles, "ada") == {"developer", "on-call"}
    clock.advance(hours=7, minutes=59, seconds=59)
    assert "on-call" in read(queries.effective_roles, "ada")
    clock.advance(seconds=1)
    assert read(queries.effective_roles, "ada") == {"developer"}


def test_the_same_assumption_twice_is_one(write: Write, read: Write, clock: VirtualClock) -> None:
    invite(write)
    end = clock.now() + timedelta(hours=8)
    for _ in range(3):
        write(service.assume_role, SYSTEM, "ada", "on-call", until=end, cause="shift/main/1")
    assert names(read).count("accounts.role_assumed") == 1


def test_an_override_ends_an_assumption_and_another_cause_keeps_the_role(
    write: Write, read: Write, clock: VirtualClock
) -> None:
    invite(write)
    end = clock.now() + timedelta(hours=8)
    write(service.assume_role, SYSTEM, "ada", "on-call", until=end, cause="one")
    write(service.assume_role, SYSTEM, "ada", "on-call", until=end, cause="two")
    clock.advance(hours=1)
    write(service.assume_role, SYSTEM, "ada", "on-call", until=clock.now(), cause="one")
    assert "on-call" in read(queries.effective_roles, "ada")
    write(service.assume_role, SYSTEM, "ada", "on-call", until=clock.now(), cause="two")
    assert "on-call" not in read(queries.effective_roles, "ada")


def test_the_first_admin_comes_by_the_set_up_link_once(write: Write, read: Write) -> None:
    old = write(links.make_set_up_link, valid_s=3600)
    code = write(links.make_set_up_link, valid_s=3600)
    values = {"name": "Root", "email": "root@x.example", "time_zone": "UTC", "password_hash": "h"}
    with pytest.raises(NotFound):
        write(links.complete_set_up, old, handle="root", **values)
    write(links.complete_set_up, code, handle="root", **values)
    assert read(queries.effective_roles, "root") == {"admin"}
    with pytest.raises(Conflict):
        write(links.complete_set_up, code, handle="mallory", **(values | {"email": "m@x.example"}))
    assert write(links.make_set_up_link, valid_s=3600) is None
