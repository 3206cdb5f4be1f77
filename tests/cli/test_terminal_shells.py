"""What was installed, in the shells themselves: somebody types, presses the tab key, and runs the line."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.cli.server import clean_environment
from tests.cli.terminal import ESCAPES, PATIENCE_S
from tests.cli.test_terminal_install import completion

PROMPT = "typing> "
TAB, TO_START, TO_END, RETURN = "\t", "\x01", "\x05", "\r"
# How each is started so that it reads what was installed, and nothing of this machine's.
SHELLS = {
    "bash": ("--rcfile", "rc", "-i"),
    "zsh": ("-d", "-i"),
    "fish": ("-i", "--private"),
}
RUN_COMMANDS = {
    "bash": ("rc", f"PS1='{PROMPT}'\nsource share/bash-completion/completions/sc\n"),
    # It completes nothing while more keys wait, so the tab key runs the line, too.
    "zsh": (
        ".zshrc",
        f"""fpath+=~/.zfunc
autoload -Uz compinit && compinit -u
complete-and-run() {{ zle expand-or-complete; BUFFER="printf '{{%s}}' $BUFFER"; zle accept-line }}
zle -N complete-and-run && bindkey '^I' complete-and-run
PS1='{PROMPT}'
""",
    ),
    "fish": ("config/fish/config.fish", f"function fish_prompt; echo -n '{PROMPT}'; end\nset fish_greeting\n"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_value_behind_an_equals_sign_is_completed(tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    completion(tmp_path, "install", shell)
    file, text = RUN_COMMANDS[shell]
    (tmp_path / file).write_text(text, encoding="utf-8")
    env = clean_environment(tmp_path, PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin", TERM="xterm")
    rest = "" if shell == "zsh" else f"{TO_START}printf '{{%s}}' {TO_END}{RETURN}"
    keys = f"sc ops alerts --state=resol{TAB}{rest}"
    assert "{sc}{ops}{alerts}{--state=resolved}" in typed([program, *SHELLS[shell]], env, tmp_path, keys)


def typed(command: list[str], env: dict[str, str], cwd: Path, keys: str) -> str:
    """Return what the shell wrote once the line has run."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        os.execve(command[0], command, env)
    try:
        _until(terminal, PROMPT)
        os.write(terminal, keys.encode())
        return _until(terminal, "{sc}")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _until(terminal: int, words: str) -> str:
    deadline, written, screen = time.monotonic() + PATIENCE_S, b"", ""
    while words not in screen or not screen.rstrip().endswith(PROMPT.rstrip()):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"never wrote {words!r}:\n{screen[-2000:]}"
        written += os.read(terminal, 65536)  # a read may end in the middle of an escape
        screen = ESCAPES.sub("", written.decode(errors="replace"))
    return screen
