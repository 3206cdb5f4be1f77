from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.application import Asked, running


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with running(tmp_path_factory.mktemp("application")) as found:
        yield found
