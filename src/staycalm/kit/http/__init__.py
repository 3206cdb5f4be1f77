"""The HTTP edge: who may call a route, how errors look, how pages are drawn."""

from staycalm.kit.http.access import Db, Guard, Permission, Who, allow, permission_of, public
from staycalm.kit.http.problems import install_problem_details, problem
from staycalm.kit.http.routing import Router
from staycalm.kit.http.views import Views, linked, view

__all__ = [
    "Db",
    "Guard",
    "Permission",
    "Router",
    "Views",
    "Who",
    "allow",
    "install_problem_details",
    "linked",
    "permission_of",
    "problem",
    "public",
    "view",
]
