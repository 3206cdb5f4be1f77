"""`python -m staycalm.app`: what `sc up` runs."""

from __future__ import annotations

import gc
import sys


def run() -> int:
    """The command has run; returns its exit code.

    While modules are imported nothing is garbage, and looking for it takes a fifth of a start. What they left
    is not looked at again: a full collection over it would hold a page up for 0.1 s every now and then.
    """
    gc.disable()
    from staycalm.app.command import main

    gc.freeze()
    gc.enable()
    return main()


if __name__ == "__main__":
    sys.exit(run())
