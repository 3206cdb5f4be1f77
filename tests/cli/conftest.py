from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.server import Server, serving
from tests.cli.shop import Shop, sign_in
from tests.ports import free_port


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the catalog of `sc init` in force, and a person of support besides."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def shop(server: Server) -> Shop:
    """The catalog is in force and the first release of the shop is live."""
    return Shop.open(server, free_port())


@pytest.fixture(scope="session")
def support_token(shop: Shop) -> str:
    """The token of somebody who may look, and may not deploy."""
    return sign_in(shop, "sam")
