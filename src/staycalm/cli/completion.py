"""`sc completion`: the shell completes commands, options and names, and `man sc` works, by one command."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from staycalm.cli import exits
from staycalm.cli.command import local
from staycalm.cli.errors import nearest
from staycalm.cli.shells import register

SHELLS = ("bash", "fish", "zsh")
ACTIONS = ("install", "uninstall")
MARK = "written by `sc completion install`"


@local(example="sc completion install", codes=(exits.REFUSED,))
@click.argument("words", nargs=-1, metavar="[install|uninstall] [bash|zsh|fish]")
def completion(words: tuple[str, ...]) -> int:
    """Install completion and man pages (`install`), remove them (`uninstall`), or print SHELL's script.

    Without a shell it is the one you use. Services, environments and ids are completed, too: the server is
    asked, for half a second at most. Nothing is changed outside your home directory.
    """
    action, shell = _read(words)
    if action == "install":
        return _install(shell)
    if action == "uninstall":
        return _uninstall()
    click.echo(_script(shell))
    return exits.OK


def _read(words: tuple[str, ...]) -> tuple[str, str]:
    action = words[0] if words and words[0] in ACTIONS else ""
    rest = words[1:] if action else words
    shell = rest[0] if rest else Path(os.environ.get("SHELL") or "bash").name
    if shell not in SHELLS or len(rest) > 1:
        near = nearest(" ".join(rest), [*SHELLS, *ACTIONS])
        meant = f" Did you mean `{near}`?" if near else ""
        raise click.UsageError(f"There is no completion for '{' '.join(rest) or shell}'.{meant}")
    return action, shell


def _script(shell: str) -> str:
    register()
    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root()
    return f"# {MARK}\n".join(_keep_first(found(root.command, {}, "sc", "_SC_COMPLETE").source()))


def _keep_first(script: str) -> tuple[str, str]:
    """Return the script in two parts: zsh wants its `#compdef` to be the very first line."""
    text = script.lstrip("\n")
    first, _, rest = text.partition("\n")
    return (f"{first}\n", rest) if first.startswith("#compdef") else ("", text)


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _places() -> dict[str, Path]:
    """Return where each shell looks for it by itself (zsh: once ~/.zfunc is in fpath)."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": _data_home() / "bash-completion" / "completions" / "sc",
        "fish": config / "fish" / "completions" / "sc.fish",
        "zsh": Path.home() / ".zfunc" / "_sc",
    }


def _man() -> Path:
    return _data_home() / "man" / "man1"


def _install(shell: str) -> int:
    from staycalm.cli.roff import pages

    file = _places()[shell]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_script(shell), encoding="utf-8")
    click.echo(f"Wrote {file}. Open a new shell to use it.")
    if shell == "zsh":
        click.echo("~/.zshrc needs `fpath+=~/.zfunc` above its `autoload -Uz compinit && compinit`.")
    written = pages(click.get_current_context().find_root().command, on=datetime.now(UTC).date().isoformat())
    _man().mkdir(parents=True, exist_ok=True)
    for old in _our_pages():
        old.unlink()
    for name, text in written.items():
        (_man() / name).write_text(f'.\\" {MARK}\n{text}', encoding="utf-8")
    click.echo(f"Wrote {len(written)} man pages to {_man()}: `man sc`, `man sc-ops-deploy`.")
    if _man().parent.parent.parent / "bin" not in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        click.echo(f"If man does not find them: export MANPATH={_man().parent}:")
    return exits.OK


def _uninstall() -> int:
    ours = [file for file in _places().values() if _is_ours(file)] + _our_pages()
    for file in ours:
        file.unlink()
    click.echo(f"Removed {len(ours)} files." if ours else "Nothing was installed.")
    return exits.OK


def _our_pages() -> list[Path]:
    return [file for file in sorted(_man().glob("sc*.1")) if _is_ours(file)] if _man().is_dir() else []


def _is_ours(file: Path) -> bool:
    """Return whether we wrote it: another program may be called sc, too."""
    try:
        return MARK in file.read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        return False
