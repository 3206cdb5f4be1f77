"""Templates are compiled once in a process, and each application still draws its own."""

from __future__ import annotations

from pathlib import Path

from staycalm.kit.http import Views
from tests.conftest import VirtualClock


def test_a_template_of_the_same_name_elsewhere_is_another(tmp_path: Path, clock: VirtualClock) -> None:
    for words in ("one", "two", "one"):
        folder = tmp_path / words
        folder.mkdir(exist_ok=True)
        (folder / "show.html").write_text(f"{words} {{{{ name }}}}", encoding="utf-8")
        assert Views({"web": folder}, clock).fragment("web/show.html", name="<b>") == f"{words} &lt;b&gt;"
