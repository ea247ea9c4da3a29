"""All that the benches use of the package, by name: when modules move, this is what to change.

A name is imported when it is first used, so that a bench pays for nothing but its own.
"""

from __future__ import annotations

import importlib
from typing import Any

WHERE = {
    "sentient_kernel": ("Settings", "Workbench"),
    "sentient_kernel.text.words": ("words",),
    "sentient_kernel.research.extractive.evidence": ("Evidence", "collect", "select"),
    "sentient_kernel.research.extractive.plan": ("plan",),
    "sentient_kernel.report.report": ("Citation", "Report"),
    "sentient_kernel.research.extractive.support": ("supported",),
    "sentient_kernel.research.verify.rules": ("likeness",),
    "sentient_kernel.research.extractive.write": ("write",),
    "sentient_kernel.research.verify.claims": ("check_report",),
    "sentient_kernel.cache": ("Cache", "Key"),
    "sentient_kernel.commands": ("DecideApproval",),
    "sentient_kernel.engine": ("Context", "Engine", "workflow"),
    "sentient_kernel.events": ("Record",),
    "sentient_kernel.ids": ("RunId", "Seq"),
    "sentient_kernel.index.chunk": ("sentences",),
    "sentient_kernel.index.rank": ("DEFAULT", "Weights"),
    "sentient_kernel.index.store": ("Index",),
    "sentient_kernel.journal.hub": ("Hub",),
    "sentient_kernel.journal.sqlite.store": ("FULL_KINDS", "SqliteJournal"),
    "sentient_kernel.redaction": ("Redactor",),
    "sentient_kernel.sources.base": ("Document", "Passage"),
    "sentient_kernel.sources.local.packages": ("PackagesSource",),
    "sentient_kernel.testing": ("FakeWeb",),
    "tests.kits.model_server": ("ModelServer",),
}


def __getattr__(name: str) -> Any:
    for module, names in WHERE.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"{name!r} is not among the names that the benches use")
