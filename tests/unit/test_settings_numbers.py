from __future__ import annotations

from pathlib import Path

import pytest

from staycalm.app.settings import Settings
from staycalm.core.errors import Invalid
from staycalm.kit.settings import load


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("server", "port = 71e99900"), ("server", "port = nan"), ("server", "port = 'many'"),
        ("server", "port = []"), ("server", f"port = {'2' * 400}"), ("monitoring", "traffic_interval_s = inf"),
        ("monitoring", "traffic_interval_s = true"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_its_place(tmp_path: Path, section: str, line: str) -> None:
    file = tmp_path / "staycalm.toml"
    file.write_text(f"[{section}]\n{line}\n", encoding="utf-8")
    with pytest.raises(Invalid, match="is not a number") as refused:
        load(Settings, file)
    assert line.partition(" ")[0] in str(refused.value)
