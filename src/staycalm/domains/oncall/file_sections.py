"""On-call's sections of staycalm.yaml."""

from __future__ import annotations

from staycalm.domains.catalog.public import FileSection
from staycalm.domains.oncall.contacts.file_section import ContactMethodsSection
from staycalm.domains.oncall.policies.file_section import PoliciesSection
from staycalm.domains.oncall.schedules.file_section import SchedulesSection


def file_sections() -> tuple[FileSection, ...]:
    """Return the sections in the order in which they are applied: policies refer to schedules."""
    return (ContactMethodsSection(), SchedulesSection(), PoliciesSection())
