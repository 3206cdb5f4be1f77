"""Becomes Envoy. A script of its own: `python -I -S launcher.py FILE_LIMIT PARENT ENVOY ARGUMENTS…`.

What a parent cannot set safely between fork and exec is set here: no file of the proxy grows beyond the limit
(a write past it fails instead of killing the proxy, because SIGXFSZ stays ignored), as many open files as
allowed, and, if PARENT is not 0, death together with the process of that id (Linux).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """This process is Envoy; does not return."""
    limit, parent = int(arguments[0]), int(arguments[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, highest_size = resource.getrlimit(resource.RLIMIT_FSIZE)
    if highest_size != resource.RLIM_INFINITY:
        limit = min(limit, highest_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, highest_size))
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    if parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(arguments[2], arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
