"""`sc completion`: shell completion, printed or installed."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from staycalm.cli.command import local

PLACES = {
    "bash": ".local/share/bash-completion/completions/sc",
    "zsh": ".zfunc/_sc",
    "fish": ".config/fish/completions/sc.fish",
}


@local(example="sc completion bash --install")
@click.argument(
    "shell", type=click.Choice(sorted(PLACES)), default=lambda: Path(os.environ.get("SHELL", "bash")).name
)
@click.option("--install", is_flag=True, help="Write it where the shell looks for it.")
def completion(shell: str, install: bool) -> None:
    """Print the completion script for SHELL, or install it."""
    found = get_completion_class(shell)
    assert found is not None
    context = click.get_current_context().find_root()
    script = found(context.command, {}, "sc", "_SC_COMPLETE").source()
    if not install:
        click.echo(script)
        return
    file = Path.home() / PLACES[shell]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script, encoding="utf-8")
    click.echo(f"Wrote {file}. Open a new shell to use it.")
