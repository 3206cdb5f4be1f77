"""The access matrix, cell by cell, as SOP §1.1 prints it and as the readings complete it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staycalm.core.errors import Invalid
from staycalm.domains.accounts.decisions import MATRIX, RESOURCES, ROLES, STANDING_ROLES, decide, explain, narrow

# SOP §1.1, copied: Logs, Metrics, Deploy, Config, Database, Secrets.
SOP = {
    "support": ["✅", "✅", "❌", "❌", "❌", "❌"],
    "developer": ["✅", "✅", "❌", "❌", "❌", "❌"],
    "devops": ["✅", "✅", "✅", "✅", "Read-only", "Read-only"],
    "on-call": ["✅", "✅", "✅", "✅", "✅", "Read-only"],
    "admin": ["✅", "✅", "✅", "✅", "✅", "✅"],
}
SOP_COLUMNS = ["logs", "metrics", "deploy", "config", "database", "secrets"]
SOP_CELLS = [
    (role, resource, cell) for role, row in SOP.items() for resource, cell in zip(SOP_COLUMNS, row, strict=True)
]

# Everybody signed in declares incidents and acknowledges; the rest of what the SOP does not print.
OURS = {
    ("support", "incidents"): "write", ("support", "alerts"): "write", ("support", "oncall"): "write",
    ("support", "catalog"): "read", ("support", "people"): "read", ("support", "audit"): "read",
    ("developer", "incidents"): "write", ("developer", "alerts"): "write", ("developer", "oncall"): "write",
    ("developer", "catalog"): "read", ("developer", "people"): "read", ("developer", "audit"): "read",
    ("devops", "incidents"): "write", ("devops", "alerts"): "write", ("devops", "oncall"): "write",
    ("devops", "catalog"): "write", ("devops", "people"): "read", ("devops", "audit"): "read",
    ("on-call", "incidents"): "write", ("on-call", "alerts"): "write", ("on-call", "oncall"): "write",
    ("on-call", "catalog"): "write", ("on-call", "people"): "read", ("on-call", "audit"): "read",
    ("admin", "incidents"): "write", ("admin", "alerts"): "write", ("admin", "oncall"): "write",
    ("admin", "catalog"): "write", ("admin", "people"): "write", ("admin", "audit"): "write",
    ("ci", "logs"): "read", ("ci", "metrics"): "read", ("ci", "deploy"): "write", ("ci", "config"): "none",
    ("ci", "database"): "none", ("ci", "secrets"): "none", ("ci", "incidents"): "none", ("ci", "alerts"): "none",
    ("ci", "oncall"): "none", ("ci", "catalog"): "read", ("ci", "people"): "none", ("ci", "audit"): "none",
}  # fmt: skip


@pytest.mark.parametrize(("role", "resource", "cell"), SOP_CELLS)
def test_the_sops_cell_holds(role: str, resource: str, cell: str) -> None:
    only_looked_at = resource in ("logs", "metrics")
    assert decide([role], resource, "read") is (cell != "❌")
    assert decide([role], resource, "write") is (cell == "✅" and not only_looked_at)


@pytest.mark.parametrize(("role", "resource"), OURS)
def test_our_cell_holds(role: str, resource: str) -> None:
    level = OURS[role, resource]
    assert decide([role], resource, "read") is (level in ("read", "write"))
    assert decide([role], resource, "write") is (level == "write")


def test_the_two_tables_cover_every_cell() -> None:
    covered = {(role, resource) for role, resource, _ in SOP_CELLS} | set(OURS)
    assert covered == set(itertools.product(ROLES, RESOURCES))
    assert {(role, resource) for role, row in MATRIX.items() for resource in row} == covered


def test_nobody_holds_on_call_or_ci_for_ever() -> None:
    assert set(ROLES) - set(STANDING_ROLES) == {"on-call", "ci"}


def test_an_unknown_role_holds_nothing() -> None:
    assert not decide(["root", "Admin"], "logs", "read")


def test_the_cell_that_decided_is_named() -> None:
    assert explain(["developer", "devops"], "deploy", "write").sentence == "devops has write on deploy"
    refused = explain(["support"], "deploy", "write")
    assert (refused.is_allowed, refused.role) == (False, None)
    assert refused.sentence == "deploy needs write: support has none; it is had by devops, on-call, admin, ci"


@pytest.mark.parametrize(("resource", "level"), [("disk", "read"), ("logs", "none"), ("logs", "admin")])
def test_what_is_not_in_the_table_cannot_be_asked(resource: str, level: str) -> None:
    with pytest.raises(Invalid):
        decide(["admin"], resource, level)


@given(
    st.frozensets(st.sampled_from(ROLES)),
    st.frozensets(st.sampled_from(ROLES)),
    st.sampled_from(RESOURCES),
    st.sampled_from(["read", "write"]),
)
def test_more_roles_never_mean_less_and_a_token_never_means_more(
    held: frozenset[str], other: frozenset[str], resource: str, level: str
) -> None:
    if decide(held, resource, level):
        assert decide(held | other, resource, level)
        assert decide(held, resource, "read")
    if decide(narrow(held, other), resource, level):
        assert decide(held, resource, level)
