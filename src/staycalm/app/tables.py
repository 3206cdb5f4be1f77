"""Every domain's tables are declared once this module is imported."""

from __future__ import annotations

import importlib
import pkgutil

import staycalm.domains

for _module in pkgutil.walk_packages(staycalm.domains.__path__, "staycalm.domains."):
    if _module.name.endswith(".model"):
        importlib.import_module(_module.name)
