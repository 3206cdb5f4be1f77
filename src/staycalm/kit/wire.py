"""From a frozen value to the type that goes over the wire."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

Out = TypeVar("Out", bound=BaseModel)


def shown(kind: type[Out], value: object, /, **own: Any) -> Out:
    """Return `value` as `kind`: each field of `kind` is in `own`, or is what `value` has by the same name."""
    same = {name: getattr(value, name) for name in kind.model_fields if name not in own}
    return kind(**same, **own)
