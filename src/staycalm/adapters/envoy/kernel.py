"""What the kernel does with the connections of a proxy that dies while another listens on its port."""

from __future__ import annotations

from pathlib import Path

MIGRATION = Path("/proc/sys/net/ipv4/tcp_migrate_req")


def hand_over(setting: Path = MIGRATION) -> str | None:
    """Connections that a dead proxy had not accepted yet go to the other; returns why not, where they are lost.

    A dying process closes what it had accepted before its listening socket. Whoever asks again at once may
    therefore reach that socket's queue, which is reset with it, unless the kernel migrates it to another listener
    of the port (Linux 5.14, Documentation/networking/ip-sysctl.rst, tcp_migrate_req).
    """
    try:
        if setting.read_text().strip() == "0":
            setting.write_text("1\n")
    except OSError as error:
        return (
            f"the kernel does not hand over connections ({error.strerror}): sysctl -w net.ipv4.tcp_migrate_req=1"
        )
    return None
