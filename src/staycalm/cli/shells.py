"""Completion in bash, zsh and fish: as click has it, and also behind the `=` of an option.

Each shell has its own idea of `--env=pro`: to bash these are three words, to the others it is one.
"""

from __future__ import annotations

import os
from typing import Any

from click import shell_completion
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, split_arg_string

OPTION = "--"


class Bash(BashComplete):
    """bash, to which an equals sign is a word."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words = split_arg_string(os.environ["COMP_WORDS"])
        place = int(os.environ["COMP_CWORD"])
        args = [
            word
            for n, word in enumerate(words[1:place], start=1)
            if not (word == "=" and words[n - 1].startswith(OPTION))
        ]
        return args, words[place] if place < len(words) else ""


class Zsh(ZshComplete):
    """zsh, which puts what is found in the place of the whole word."""

    source_template = ZshComplete.source_template.replace("_path_files", "compset -P '--*='; _path_files")

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        return _whole(incomplete, super().get_completions(args, incomplete))


class Fish(FishComplete):
    """fish, which keeps what begins like the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        return _whole(incomplete, super().get_completions(args, incomplete))


def _whole(incomplete: str, found: list[CompletionItem[Any]]) -> list[CompletionItem[Any]]:
    """Return what was found with the option that it is a value of."""
    name, equals, _ = incomplete.partition("=")
    if equals and name.startswith(OPTION):
        for item in found:
            item.value = f"{name}={item.value}" if item.type == "plain" else item.value
    return found


def register() -> None:
    """The three shells are completed by these classes."""
    for each in (Bash, Zsh, Fish):
        shell_completion.add_completion_class(each)
