"""What exactly an instance runs: its command and environment, made from the revision's specification."""

from __future__ import annotations

import os
from collections.abc import Mapping

from staycalm.adapters.process.layout import MARK, InstancePlace, RevisionPlace
from staycalm.adapters.process.settings import ProcessSettings
from staycalm.adapters.process.shims import Program
from staycalm.adapters.process.unpacking import SINGLE_FILE
from staycalm.ports.deploy import RevisionSpec
from staycalm.ports.errors import InvalidSpec


def program_of(
    place: RevisionPlace, instance: InstancePlace, spec: RevisionSpec, settings: ProcessSettings
) -> Program:
    """Return what the shim runs; an artifact that is one file needs no command. Raises InvalidSpec."""
    command = spec.command
    if not command and (place.root / SINGLE_FILE).is_file():
        command = (str(place.root / SINGLE_FILE),)
    if not command:
        raise InvalidSpec(f"{spec.revision}: there is no command, and a directory does not run by itself")
    return Program(
        command=tuple(filled(part, place, spec) for part in command),
        environment=environment_of(place, instance, spec, settings, port="{port}"),
        root=place.root,
        needs_port=spec.needs_port,
        stop_grace_s=spec.stop_grace_s,
    )


def environment_of(
    place: RevisionPlace, instance: InstancePlace, spec: RevisionSpec, settings: ProcessSettings, *, port: str
) -> Mapping[str, str]:
    """Return the whole environment: what the settings let through, the revision's own, then StayCalm's words."""
    inherited = {n: os.environ[n] for n in settings.inherit_environment if n in os.environ}
    own = {
        "SC_ROOT": str(place.root),
        "SC_WORK": str(instance.work),
        "SC_DIGEST": spec.digest,
        "SC_REVISION": spec.revision,
        "SC_SERVICE": spec.placement.service,
        "SC_ENVIRONMENT": spec.placement.environment,
        "SC_INSTANCE": str(instance.number),
        MARK: str(instance.directory),
    }
    if spec.needs_port:
        own["PORT"] = port
    # A compiled file beside its source would make the tree another tree.
    return {"PYTHONDONTWRITEBYTECODE": "1", **inherited, **spec.environment, **own}


def filled(part: str, place: RevisionPlace, spec: RevisionSpec) -> str:
    """Return the part with its placeholders filled, all but {port}, which only the shim knows."""
    for name, text in (
        ("{root}", str(place.root)),
        ("{digest}", spec.digest),
        ("{reference}", spec.reference),
        ("{revision}", spec.revision),
    ):
        part = part.replace(name, text)
    return part
