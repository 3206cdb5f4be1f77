"""Completion and man pages: installed and removed by one command each; names come from the server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from staycalm.cli import exits
from staycalm.cli.main import sc
from staycalm.cli.roff import escape, pages
from tests.cli.server import Said, clean_environment, run_sc
from tests.cli.shop import Shop
from tests.cli.test_commands import until


def completion(home: Path, *words: str, **env: str) -> Said:
    places = {"XDG_DATA_HOME": str(home / "share"), "SHELL": "/bin/bash", **env}
    return run_sc("completion", *words, env=clean_environment(home, **places), cwd=home)


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "share/bash-completion/completions/sc"),
        ("zsh", ".zfunc/_sc"),
        ("fish", "config/fish/completions/sc.fish"),
    ],
)
def test_one_command_installs_both_and_one_removes_them(tmp_path: Path, shell: str, file: str) -> None:
    made = completion(tmp_path, "install", shell)
    assert made.code == exits.OK, made
    assert "_SC_COMPLETE" in (tmp_path / file).read_text(encoding="utf-8")
    man = tmp_path / "share" / "man" / "man1"
    assert {"sc.1", "sc-ops.1", "sc-ops-deploy.1"} <= {page.name for page in man.iterdir()}
    foreign = man / "sc-tune.1"
    foreign.write_text(".TH SC-TUNE 1\n", encoding="utf-8")
    assert completion(tmp_path, "uninstall").code == exits.OK
    assert not (tmp_path / file).exists()
    assert list(man.iterdir()) == [foreign]
    assert completion(tmp_path, "uninstall").out == "Nothing was installed.\n"


def test_the_shell_of_the_user_is_the_default_and_a_slip_is_told(tmp_path: Path) -> None:
    assert "share/bash-completion" in completion(tmp_path, "install").out
    said = completion(tmp_path, "instal")
    assert (said.code, "Did you mean `install`?" in said.err) == (exits.USAGE, True)
    assert completion(tmp_path, "install", SHELL="/bin/csh").code == exits.USAGE


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("sc ops deployments --service s", "shop"),
        ("sc ops deploy shop ./build --env prod", "production"),
        ("sc logs s", "shop"),
        ("sc ops promote dep", "DEP-1"),
        ("sc oncall --schedule p", "platform"),
        ("sc people show s", "sam"),
        ("sc ops alerts --env = prod", "production"),
    ],
)
def test_names_are_completed_from_the_server(shop: Shop, typed: str, known: str) -> None:
    asked = {"_SC_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    # Who waits for a shell is given nothing by a server that needs over half a second, and asks again.
    assert until(lambda: f"plain,{known}" in shop.server.sc(**asked).out.splitlines())


def test_without_a_server_nothing_is_completed_and_nothing_said(tmp_path: Path) -> None:
    asked = {"_SC_COMPLETE": "bash_complete", "COMP_WORDS": "sc logs s", "COMP_CWORD": "2"}
    for server in ({"SC_SERVER": "http://127.0.0.1:9"}, {"SC_DATA": str(tmp_path)}):
        said = run_sc(env=clean_environment(tmp_path, **asked, **server))
        assert (said.out.strip(), said.err) == ("", "")


def test_every_command_has_a_page_without_stray_requests() -> None:
    written = pages(sc)
    requests = {".TH", ".SH", ".PP", ".TP", ".B", ".BR", ".nf", ".fi"}
    for name, text in written.items():
        lines = text.splitlines()
        assert lines[0].startswith(f".TH {escape(name.removesuffix('.1').upper())} 1 ")
        assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= requests
        assert text.isascii()
        assert ".SH NAME" in lines and ".SH SYNOPSIS" in lines
    groff = shutil.which("groff")
    if groff is not None:
        page = written["sc-ops-deploy.1"].encode()
        done = subprocess.run(
            [groff, "-man", "-Tutf8", "-P-cbou", "-ww"], input=page, capture_output=True, timeout=60, check=True
        )
        assert done.stderr == b""
        assert b"SYNOPSIS" in done.stdout


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (".ft", "\\&.ft"),
        ("'tis", "\\&'tis"),
        ("a\\b", "a\\eb"),
        ("--x", "\\-\\-x"),
        ("a\nb", "a b"),
        ("…", "\\[u2026]"),
    ],
)
def test_text_is_no_request(text: str, printed: str) -> None:
    assert escape(text) == printed
