"""Reading everything a report is made of, in one transaction."""

from __future__ import annotations

from dataclasses import replace

from staycalm.domains.catalog.public import find_service, get_organisation
from staycalm.domains.deployments.public import thinned_history
from staycalm.domains.incidents import queries
from staycalm.domains.incidents.postmortem.queries import read_written
from staycalm.domains.incidents.report.facts import Facts
from staycalm.domains.incidents.report.surroundings import (
    MOST_CONTRIBUTING,
    Contribution,
    Surroundings,
    marks_of,
    span,
)
from staycalm.domains.monitoring.public import signals_between
from staycalm.kit.database import ReadTx, log


def read_report(tx: ReadTx, name: str) -> tuple[Facts, Surroundings]:
    """Return what is known of the incident and what was measured around it; raises NotFound."""
    known = queries.facts(tx, name)
    facts = replace(known, written=read_written(tx, known.about.id))
    return facts, _around(tx, facts)


def _around(tx: ReadTx, facts: Facts) -> Surroundings:
    about = facts.about
    incident = queries.get_incident(tx, about.id)
    entries = log.about(tx, queries.subjects_of(tx, about.id), limit=queries.REPORT_LIMIT)
    service = find_service(tx, about.service, even_removed=True) if about.service is not None else None
    place = incident.placement
    causes = queries.causes_of(tx, about.id)[:MOST_CONTRIBUTING]
    return Surroundings(
        organisation=get_organisation(tx).name,
        service_title=service.title if service is not None else "",
        signals=signals_between(tx, place, *span(about, entries)) if place is not None else (),
        rollout=thinned_history(tx, facts.rollback.deployment) if facts.rollback is not None else (),
        marks=marks_of(entries),
        contributions=tuple(Contribution(each.happened_at, each.kind, each.summary) for each in causes),
    )
