"""An import contract: one domain knows of another only its `public` and its `events`."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

DOMAINS = "staycalm.domains."
DOORS = ("public", "events")


class FrontDoors(Contract):
    """Broken by every import from one domain into another that does not go through a door."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = []
        for importer in sorted(graph.modules):
            if not importer.startswith(DOMAINS):
                continue
            home = importer.split(".")[2]
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                parts = imported.split(".")
                if not imported.startswith(DOMAINS) or parts[2] == home:
                    continue
                # `questions` is what a lower domain asks to be filled: the answer may name its types.
                if parts[-1] not in (*DOORS, "questions"):
                    broken.append(f"{importer} -> {imported}")
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(f"{line}: go through public or events")
