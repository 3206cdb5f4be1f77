"""Routes that cost nothing until they are called: a server has some 270, and is asked for five at its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path


def operation_id(route: APIRoute) -> str:
    """Return a stable name for the OpenAPI document: tag and function."""
    return f"{route.tags[0]}.{route.name}" if route.tags else route.name


class LateRoute(APIRoute):
    """A route whose function is analysed when the route is first called, or something of it is first asked for.

    FastAPI reads signatures and builds validators when a route is declared, 2 to 4 ms each. Until then this
    route knows what it takes to be found: path, methods, name.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._declared: tuple[str, Callable[..., Any], dict[str, Any]] | None = (path, endpoint, options)
        self.path = path
        self.endpoint = endpoint
        self.name = options.get("name") or endpoint.__name__
        self.methods = {method.upper() for method in options.get("methods") or ["GET"]}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there yet: then all of it is."""
        declared = self.__dict__.get("_declared")
        if declared is None:
            raise AttributeError(name)
        path, endpoint, options = declared
        self._declared = None
        super().__init__(path, endpoint, **options)
        return getattr(self, name)


class Router(APIRouter):
    """What a module's routes are declared on; `include_router` takes the other's routes over as they are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=LateRoute, generate_unique_id_function=operation_id, **options)

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """The other router's routes are this router's too, after its own. Takes no options."""
        assert not options, "declare prefix and tags where the routes are declared"
        self.routes.extend(router.routes)
