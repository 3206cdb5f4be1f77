"""A listener that services share has the certificate of the catalog, also while one of them is rolled out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from staycalm.core.placement import Placement
from staycalm.domains.catalog import model as catalog
from staycalm.domains.catalog.public import PlacementConfig
from staycalm.domains.catalog.queries import body_of
from staycalm.domains.deployments.reconcile.wishes import as_shared
from staycalm.domains.deployments.strategies import Step
from staycalm.kit.database import Tx
from staycalm.ports.traffic import Listener
from tests.domains.deployments.world import SHOP, World, shop_config

OLD = Listener("127.0.0.1", 8080, "old.pem", "old.key")
NEW = replace(OLD, certificate_file="new.pem", key_file="new.key")
ELSEWHERE = Listener("127.0.0.1", 8443, "old.pem", "old.key")
BASKET = Placement("basket", "production")


def declare(tx: Tx, *configs: PlacementConfig) -> None:
    """The catalog is these placements."""
    tx.execute(catalog.placements.delete())
    for config in configs:
        body = body_of(config)
        row = {"service": config.service, "environment": config.environment, "config": body}
        tx.execute(catalog.services.delete().where(catalog.services.c.name == config.service))
        tx.execute(
            catalog.services.insert().values(
                name=config.service, title="", kind="service", tier=3, owners=[], depends_on=[], managed_by="file"
            )
        )
        tx.execute(catalog.placements.insert().values(**row))


def test_a_rollout_goes_on_with_the_certificate_that_the_catalog_has_now(world: World) -> None:
    world.write(declare, shop_config(listener=OLD))
    world.first()
    world.deploy("v2", steps=(Step(25.0, 30.0), Step(75.0, 600.0)))
    world.run(60, until=lambda: world.newest().weight == 25)
    assert world.router.edges[SHOP].spec.listener == OLD
    basket = shop_config(placement=BASKET, listener=NEW, hosts=("basket.example",), candidate_hosts=())
    world.write(declare, shop_config(listener=NEW), basket)
    world.run(600, until=lambda: world.newest().weight == 75)
    assert world.router.edges[SHOP].spec.listener == NEW


@pytest.mark.parametrize(
    ("shop", "basket", "expected"),
    [
        (OLD, None, OLD),
        (NEW, None, NEW),
        (None, None, OLD),
        (ELSEWHERE, NEW, NEW),
        (None, NEW, NEW),
        (ELSEWHERE, None, OLD),
        (None, ELSEWHERE, OLD),
    ],
    ids=lambda each: "none" if each is None else f"{each.port}-{each.certificate_file}",
)
def test_whoever_is_declared_on_an_address_and_port_says_which_certificate(
    world: World, shop: Listener | None, basket: Listener | None, expected: Listener
) -> None:
    declared = [
        shop_config(placement=placement, listener=listener)
        for placement, listener in ((SHOP, shop), (BASKET, basket))
        if listener is not None
    ]
    world.write(declare, *declared)
    assert world.read(as_shared, shop_config(listener=OLD)).listener == expected
