"""A file is planned, applied as a whole or not at all, and applied twice it changes nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staycalm.core.actor import Actor
from staycalm.core.errors import Conflict, Forbidden, Invalid, NotFound
from staycalm.core.placement import Placement
from staycalm.domains.accounts import public as accounts
from staycalm.domains.catalog import public as catalog
from staycalm.domains.catalog.config import Service
from staycalm.domains.catalog.located import Node
from staycalm.domains.catalog.parse import parse_file
from staycalm.domains.catalog.plan import make_plan, web_managed
from staycalm.domains.catalog.questions import Change, FileSection, Names
from staycalm.domains.catalog.service import Applied, apply_file, put_service, remove_service
from staycalm.kit.clock import Clock
from staycalm.kit.database import Database, ReadTx, Tx
from staycalm.kit.database.log import after, newest_seq
from staycalm.kit.database.tables import metadata
from staycalm.kit.ids import Ids
from tests.conftest import VirtualClock, Write, drive
from tests.domains.catalog.files import SHOP
from tests.domains.catalog.test_parse_anything import catalogs

ADMIN = Actor("person", "root", "Root")


def apply(tx: Tx, text: str, sections: tuple[FileSection, ...] = (), *, people: bool = True) -> Applied:
    file = parse_file(text, "staycalm.yaml", web_managed(tx), sections)
    return apply_file(tx, ADMIN, file, sections, may_change_people=people)


def plan(tx: ReadTx, text: str, sections: tuple[FileSection, ...] = ()) -> list[str]:
    changes = make_plan(tx, parse_file(text, "f", web_managed(tx), sections), sections).changes
    return [f"{each.kind} {each.what}" + (f": {each.detail}" if each.detail else "") for each in changes]


def edited(**at: Any) -> str:
    """Return the shop's file with values at `__`-separated paths; None takes a key out."""
    tree = copy.deepcopy(yaml.safe_load(SHOP))
    for path, value in at.items():
        *parents, last = path.split("__")
        here = tree
        for key in parents:
            here = here[key.replace("_", "-") if key not in here else key]
        if value is None:
            del here[last]
        else:
            here[last] = value
    return yaml.safe_dump(tree, sort_keys=False)


def test_the_plan_shows_every_addition_and_changes_nothing(read: Write) -> None:
    assert read(plan, SHOP) == [
        "change organisation: name none → Example, time_zone UTC → Europe/Berlin",
        "add person alice",
        "add person bob",
        "add team shop-team",
        "add environment staging",
        "add environment production",
        "add service database",
        "add service shop",
        "add placement shop@production",
    ]
    assert read(catalog.list_services) == ()


def test_what_is_applied_is_what_others_read(write: Write, read: Write) -> None:
    applied = write(apply, SHOP)
    assert [(each.handle, each.code[:7]) for each in applied.invitations] == [
        ("alice", "sc_inv_"),
        ("bob", "sc_inv_"),
    ]
    file = parse_file(SHOP, "f", read(web_managed))
    assert read(catalog.get_placement, Placement("shop", "production")) == file.placements["shop@production"]
    assert read(catalog.list_services) == tuple(file.services.values())
    assert read(catalog.get_environment, "production").is_production
    assert read(catalog.team_members, "shop-team") == ("alice", "bob")
    assert read(catalog.get_organisation).time_zone == "Europe/Berlin"
    assert read(accounts.get_person, "bob").roles == {"developer"}


def test_applied_twice_nothing_changes_and_nothing_is_logged(write: Write, read: Write) -> None:
    write(apply, SHOP)
    before = read(newest_seq)
    assert write(apply, SHOP) == Applied((), ())
    assert read(plan, SHOP) == []
    assert read(newest_seq) == before


def test_a_change_is_told_field_by_field(write: Write, read: Write) -> None:
    write(apply, SHOP)
    text = edited(
        services__shop__tier=1,
        services__shop__placements__production__env={"SHOP_KEY": "hunter2", "NEW": "secret"},
        services__shop__placements__production__instances=3,
        people__alice__roles=["devops", "admin"],
    )
    changes = read(plan, text)
    assert changes == [
        "change person alice: roles [devops] → [admin, devops]",
        "change service shop: tier 2 → 1",
        "change placement shop@production: instances 2 → 3, env (DEBUG, NEW, SHOP_DSN, SHOP_KEY)",
    ]


def test_what_left_the_file_is_removed_but_still_found_for_what_runs(write: Write, read: Write) -> None:
    write(apply, SHOP)
    text = edited(services__shop=None, people__bob=None, teams=None)
    assert read(plan, text) == ["remove person bob", "remove team shop-team", "remove service shop",
                                "remove placement shop@production"]  # fmt: skip
    write(apply, text)
    here = Placement("shop", "production")
    with pytest.raises(NotFound):
        read(catalog.get_placement, here)
    assert read(catalog.find_placement, here, even_removed=True).instances == 2
    assert read(catalog.list_placements) == ()
    assert not read(accounts.get_person, "bob").is_active
    assert [change for change in read(plan, SHOP) if "bob" in change] == ["add person bob"]
    write(apply, SHOP)
    assert read(catalog.get_placement, here).instances == 2
    assert read(accounts.get_person, "bob").is_active


def test_a_bad_file_changes_nothing(write: Write, read: Write) -> None:
    write(apply, SHOP)
    with pytest.raises(Invalid):
        write(apply, SHOP.replace("tier: 2", "tier: two").replace("Bob Builder", "Robert"))
    assert read(accounts.get_person, "bob").name == "Bob Builder"


def test_people_are_changed_by_an_admin_alone(write: Write, read: Write) -> None:
    with pytest.raises(Forbidden) as refused:
        write(apply, SHOP, people=False)
    assert refused.value.code == "people-change"
    assert read(catalog.list_services) == ()
    write(apply, SHOP)
    write(apply, edited(services__shop__tier=1), people=False)
    assert read(catalog.get_service, "shop").tier == 1


def test_the_web_and_the_file_leave_each_other_alone(write: Write, read: Write) -> None:
    write(apply, SHOP)
    write(put_service, ADMIN, Service("billing", "Billing", depends_on=("shop",)))
    assert read(plan, SHOP) == []
    with pytest.raises(Conflict):
        write(put_service, ADMIN, Service("shop", "Mine now"))
    with pytest.raises(Conflict):
        write(remove_service, ADMIN, "shop")
    with pytest.raises(Invalid):
        write(apply, edited(services__billing={}))
    write(remove_service, ADMIN, "billing")
    write(apply, edited(services__billing={}))
    assert read(catalog.get_service, "billing").managed_by == "file"


def test_the_web_may_not_name_what_is_not_there(write: Write) -> None:
    with pytest.raises(Invalid) as refused:
        write(put_service, ADMIN, Service("billing", team="crew", owners=("ada",), depends_on=("shop",)))
    assert refused.value.message == "there is no service 'shop', no person 'ada', no team 'crew'"
    with pytest.raises(Invalid) as circle:
        write(put_service, ADMIN, Service("billing", depends_on=("billing",)))
    assert circle.value.code == "dependency-cycle"


def test_a_file_read_against_an_older_web_is_refused(write: Write, read: Write) -> None:
    file = parse_file(SHOP, "f", read(web_managed))
    write(put_service, ADMIN, Service("billing", "Billing"))
    with pytest.raises(Conflict) as refused:
        write(apply_file, ADMIN, file, (), may_change_people=True)
    assert refused.value.code == "catalog-moved"


def test_every_change_is_an_event_with_its_author_and_no_secret(write: Write, read: Write) -> None:
    applied = write(apply, SHOP)
    events = read(after, 0)
    assert {each.actor for each in events} == {ADMIN}
    assert [each.name for each in events if each.service == "shop"] == [
        "catalog.changed",
        "catalog.placement_changed",
    ]
    assert (events[-1].name, events[-1].body["added"], events[-1].body["removed"]) == (
        "catalog.file_applied",
        8,
        0,
    )
    assert applied.invitations[0].code not in str(events)


@dataclass
class Rules:
    """A section of a domain above, keeping its objects in memory."""

    name: str = "rules"
    under: Any = "file"
    kept: tuple[Any, ...] = ()
    seen: list[Names] = field(default_factory=list)

    def parse(self, node: Node, names: Names) -> tuple[Any, ...]:
        self.seen.append(names)
        if self.under == "person":
            return tuple((node.path[1], item.text()) for item in node.nodes())
        return tuple(item.reference(names.services, "service") for item in node.nodes())

    def plan(self, tx: ReadTx, objects: tuple[Any, ...]) -> tuple[Change, ...]:
        return () if objects == self.kept else (Change("change", "rules"),)

    def apply(self, tx: Tx, actor: Actor, objects: tuple[Any, ...]) -> None:
        self.kept = objects


def test_a_domain_above_owns_its_section(write: Write) -> None:
    rules, contacts = Rules(), Rules("contact_methods", "person")
    text = edited(rules=["shop"], people__alice__contact_methods=["email:a@x", "ntfy:a"])
    write(apply, text, (rules, contacts))
    assert rules.kept == ("shop",)
    assert contacts.kept == (("alice", "email:a@x"), ("alice", "ntfy:a"))
    assert Placement("shop", "production") in rules.seen[0].placements
    assert [node.text() for node in rules.seen[0].references["escalation_policy"]] == ["default"]
    assert [node.text() for node in rules.seen[0].references["strategy"]] == ["linear-30"]
    write(apply, SHOP, (rules, contacts))
    assert (rules.kept, contacts.kept) == ((), ())


def test_a_problem_in_a_section_of_above_refuses_the_whole_file(write: Write, read: Write) -> None:
    with pytest.raises(Invalid) as refused:
        write(apply, SHOP + "rules: [shop, shpo]\n", (Rules(),))
    assert refused.value.details["problems"][0].endswith("there is no service 'shpo'; did you mean 'shop'?")
    assert read(catalog.list_services) == ()


def fresh(clock: Clock) -> Database:
    import staycalm.app.tables  # noqa: F401 - declares every domain's tables

    database = Database("sqlite://", clock, Ids.seeded(clock, 1), inline=True)
    metadata.create_all(database.engine)
    return database


@given(st.lists(catalogs(), min_size=1, max_size=3))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_was_before_the_file_is_in_force_afterwards(trees: list[dict[str, Any]]) -> None:
    database = fresh(VirtualClock())
    try:
        for tree in trees:
            text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
            drive(database.write(apply, text))
            assert drive(database.read(plan, text)) == []
            assert [each.name for each in drive(database.read(catalog.list_services))] == sorted(tree["services"])
            assert {each.handle for each in drive(database.read(accounts.list_people))} == set(tree["people"])
    finally:
        database.close()
