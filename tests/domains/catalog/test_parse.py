"""What the file says is what is declared, and what is wrong is named by line."""

from __future__ import annotations

import pytest

from staycalm.core.errors import Invalid
from staycalm.core.placement import Placement
from staycalm.domains.catalog.config import (
    BusinessMetric,
    CapacityLimits,
    DataIntegrityCheck,
    Environment,
    Organisation,
    PlacementConfig,
    ProbeConfig,
    Service,
    SmokeTest,
    Team,
)
from staycalm.domains.catalog.parse import CatalogFile, DeclaredPerson, WebManaged, parse_file
from staycalm.ports.deploy import HealthCheck
from staycalm.ports.traffic import Listener
from tests.domains.catalog.files import SHOP


def parse(text: str, web: WebManaged = WebManaged()) -> CatalogFile:
    return parse_file(text, "staycalm.yaml", web)


def problems(text: str, web: WebManaged = WebManaged()) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(text, web)
    assert refused.value.code == "bad-file"
    found = refused.value.details["problems"]
    assert isinstance(found, list)
    return found


def test_people_teams_environments_and_services_are_declared() -> None:
    file = parse(SHOP)
    assert file.organisation == Organisation("Example", "Europe/Berlin")
    assert file.people == {
        "alice": DeclaredPerson(
            "alice", "Alice Liddell", "alice@shop.example", "Europe/Berlin", frozenset({"devops"})
        ),
        "bob": DeclaredPerson(
            "bob", "Bob Builder", "bob@shop.example", "America/New_York", frozenset({"developer"})
        ),
    }
    assert file.teams == {"shop-team": Team("shop-team", "The shop", ("alice", "bob"), ("alice",))}
    assert file.environments == {
        "staging": Environment("staging"),
        "production": Environment("production", is_production=True),
    }
    assert file.services["database"] == Service("database", "database", "worker", tier=1)
    assert file.services["shop"] == Service(
        name="shop",
        title="The shop",
        tier=2,
        team="shop-team",
        owners=("alice",),
        depends_on=("database",),
        escalation_policy="default",
        runbook_url="https://wiki.example/shop",
    )


def test_a_placement_declares_everything_about_one_environment() -> None:
    assert parse(SHOP).placements == {
        "shop@production": PlacementConfig(
            placement=Placement("shop", "production"),
            is_production=True,
            listener=Listener("127.0.0.1", 8080),
            hosts=("shop.example",),
            candidate_hosts=("green.shop.example",),
            instances=2,
            command=("python3", "-m", "shop", "--port", "{port}"),
            env={
                "SHOP_DSN": "postgresql://shop:${file:/run/secrets/shop}@db/shop",
                "SHOP_KEY": "${env:SHOP_KEY}",
                "DEBUG": "false",
            },
            health=HealthCheck(path="/health", timeout_s=1),
            stop_grace_s=90,
            smoke_tests=(
                SmokeTest("/health", path="/health"),
                SmokeTest("/api/version", path="/api/version", expect_body="shop"),
                SmokeTest("critical-path", "command", command="critical-path"),
            ),
            strategy="linear-30",
            warm_for_s=600,
            business_metric=BusinessMetric("orders", "orders_total"),
            probes=(
                ProbeConfig(
                    "http://127.0.0.1:8080/health",
                    target="http://127.0.0.1:8080/health",
                    host_header="shop.example",
                ),
                ProbeConfig("127.0.0.1:5432", "tcp", "127.0.0.1:5432", interval_s=30),
            ),
            data_integrity=DataIntegrityCheck("command", "check-orders", interval_s=600),
            capacity=CapacityLimits(2, 512 * 2**20, 500),
        )
    }


def test_an_empty_file_declares_nothing() -> None:
    file = parse("")
    assert (file.people, file.services, file.placements) == ({}, {}, {})


def test_a_worker_and_an_exec_service_need_no_route() -> None:
    file = parse(
        """\
environments: {production: }
services:
  mailer:
    kind: worker
    placements: {production: {command: ./mail, instances: 3}}
  legacy:
    placements:
      production:
        target: exec
        router: exec
        exec: {start: legacy-start, stop: legacy-stop, status: legacy-status,
               set_weight: lb-set, read_weight: lb-read}
        metric_queries: {requests: 'sum(r{slot="{slot}"})', errors: 'sum(e{slot="{slot}"})'}
"""
    )
    mailer, legacy = file.placements["mailer@production"], file.placements["legacy@production"]
    assert (mailer.router, mailer.health.kind, mailer.instances) == ("none", "none", 3)
    assert (legacy.router, legacy.exec_commands["set_weight"]) == ("exec", "lb-set")
    assert legacy.metric_queries is not None and legacy.metric_queries.source == "prometheus"


def _placement(text: str) -> str:
    return (
        "environments: {production: }\nservices:\n  shop:\n    placements:\n      production:\n"
        "        listener: {port: 80}\n        hosts: ['*']\n        command: [./run]\n        " + text + "\n"
    )


WRONG = [
    ('servces: {}', "1: unknown key 'servces'; did you mean 'services'?"),
    ('services:\n  shop:\n    tear: 2', "3: unknown key 'tear'; did you mean 'tier'?"),
    ('services:\n  shop:\n    tier: 7', '3: services.shop.tier is 7; it must be a whole number from 1 to 4'),
    ('services:\n  Shop: {}',
     "2: name 'Shop' is not a valid name; "
     'Use 1-63 lower-case letters, digits and inner hyphens.'),
    ('services:\n  shop: [1]', '2: services.shop is a list; it must be a mapping (key: value)'),
    ('services:\n  shop:\n    kind: servise',
     "3: kind 'servise' is not known; "
     "did you mean 'service'? use one of: service, worker, static"),
    ('services:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}',
     '2: services depend on each other in a circle: a → b → a; '
     'take one of these out of depends_on'),
    ('services:\n  shop:\n    depends_on: [shpo]', "3: there is no service 'shpo'; did you mean 'shop'?"),
    ('services:\n  shop: {}\n  shop: {}', "3: 'shop' stands here a second time; keep one of lines 2 and 3"),
    ('services:\n  shop:\n    placements:\n      prod: {}',
     "4: there is no environment 'prod'; "
     'none is declared'),
    ('people:\n  ada: {name: Ada}', "2: people.ada has no 'email'; add email: …"),
    ('people:\n  ada: {name: Ada, email: ada}',
     "2: 'ada' is not an e-mail address; "
     'write it like ada@example.org'),
    ('people:\n  ada: {name: Ada, email: a@b, roles: [on-call]}',
     '2: nobody holds on-call for ever; '
     'remove it; the schedule gives it for each shift'),
    ('people:\n  ada: {name: Ada, email: a@b, roles: [admn]}',
     "2: roles #1 'admn' is not known; "
     "did you mean 'admin'? use one of: support, developer, devops, admin"),
    ('organisation:\n  time_zone: Mars/Base',
     "2: there is no time zone 'Mars/Base'; "
     'use an IANA name like Europe/Berlin'),
    ('teams:\n  shop: {members: [ada]}', "2: there is no person 'ada'; none is declared"),
    ('a: *x', '1: an alias (*x); write the value out'),
    ('a: !!python/object:os.system x', '1: a tag (tag:yaml.org,2002:python/object:os.system); remove it'),
    ('a: 1\n---\nb: 2', '2: a second document; keep one document per file'),
    ('a:\n  - b\n c',
     "3: not readable as YAML: while parsing a block mapping expected <block end>, but found '<scalar>'; "
     'look at indentation, quotes and colons here'),
    ('? [a]\n: b', '1: a key that is not one word; write key: value'),
    ('- a', '1: the file is a list; it must be a mapping (key: value)'),
    (_placement('strateggy: sop'), "9: unknown key 'strateggy'; did you mean 'strategy'?"),
    (_placement('stop_grace: soon'),
     "9: services.shop.placements.production.stop_grace is 'soon'; "
     'it must be a duration from 0s to 3600s, like 90s, 10m or 2d'),
    (_placement("env: {A: '${HOME}'}"), "9: '${HOME}' is not a reference; write ${env:NAME} or ${file:PATH}"),
    (_placement('env: {a-b: x}'), "9: 'a-b' is not a variable name; use letters, digits and _, no digit first"),
    (_placement('capacity: {memory: lots}'), "9: 'lots' is not a size; Write it like 512MiB or 2GB."),
    (_placement("candidate_hosts: ['http://green/']"),
     "9: 'http://green/' is not a host name; "
     'write it like shop.example.org, without http:// and path'),
    (_placement('target: exec'), '6: target: exec needs commands for start, status, stop; add them under exec:'),
    (_placement('smoke_tests: [{path: /a, command: b}]'),
     '9: path and command exclude each other; '
     'keep one of them'),
    (_placement('probes: [{tcp: nowhere}]'), "9: 'nowhere' is not HOST:PORT; write it like 127.0.0.1:5432"),
    (_placement('command: [./run]'), "9: 'command' stands here a second time; keep one of lines 8 and 9"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), WRONG, ids=[problem[:40] for _, problem in WRONG])
def test_what_is_wrong_is_named_with_its_line_and_a_way_out(text: str, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_file(text, "f.yaml", WebManaged())
    assert f"f.yaml:{problem}" in refused.value.details["problems"]


def test_all_problems_of_a_file_are_told_at_once_in_line_order() -> None:
    text = "people:\n  ada: {nme: Ada}\nservices:\n  shop:\n    tear: 1\n    kind: x\n"
    found = problems(text)
    assert [line.split(":")[1] for line in found] == ["2", "2", "2", "5", "6"]


def test_two_placements_may_not_claim_one_host_on_one_port() -> None:
    one = "{placements: {production: {listener: {port: 80}, hosts: [a.example], command: [x]}}}"
    found = problems(f"environments: {{production: }}\nservices:\n  one: {one}\n  two: {one}\n")
    assert found == [
        "staycalm.yaml:4: two@production and one@production both claim a.example/ on port 80; "
        "give one of them another host, path_prefix or port"
    ]


def test_web_managed_things_may_be_named_but_not_declared() -> None:
    web = WebManaged(people=frozenset({"root"}), services={"billing": ()})
    ok = parse("services: {shop: {owners: [root], depends_on: [billing]}}", web)
    assert ok.services["shop"].owners == ("root",)
    assert problems("people: {root: {name: Root}}\nservices: {billing: {}}", web) == [
        "staycalm.yaml:1: root is managed on the web; remove 'name' here",
        "staycalm.yaml:2: service billing is managed on the web; remove it here, or delete it there first",
    ]


def test_a_cycle_through_a_web_managed_service_is_found() -> None:
    web = WebManaged(services={"billing": ("shop",)})
    assert "circle: billing → shop → billing" in problems("services: {shop: {depends_on: [billing]}}", web)[0]


def test_times_of_day_and_words_like_on_stay_texts() -> None:
    file = parse(_placement("env: {A: 12:30, B: on, C: 010, D: 1.10, E: ~}"))
    assert file.placements["shop@production"].env == {"A": "12:30", "B": "on", "C": "010", "D": "1.10", "E": "~"}
