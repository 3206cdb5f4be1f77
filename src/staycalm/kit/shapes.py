"""Types that stored values are read into."""

from __future__ import annotations

import msgspec


def prepare(*shapes: object) -> None:
    """Values of these types can be read by several threads at once.

    msgspec learns a type when it is first asked for it, and publishes what it has learned before it is complete:
    two threads that ask first at the same moment crash the whole process (seen at a start, msgspec 0.22). So
    whoever calls `msgspec.convert` prepares its types while its module is imported, which one thread does.
    """
    for shape in shapes:
        msgspec.json.Decoder(shape)
