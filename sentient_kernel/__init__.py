"""Sentient Kernel: a durable research workbench that lives in a notebook.

Everything that happens is a typed event appended to a journal; everything anyone sees is a
projection of it.

The house, room by room. A room may import what stands below it, never what stands above:

.. code-block:: text

    magics  testing             the notebook's magics, the kit for tests
    cli                         the command line
    workbench                   what a person holds: sources, runs, approvals, files of runs
    notebook                    cells, interrupts, widgets of one workbench
    research    widgets         the research itself             live views as widgets
    feeds                       what a live view is told, whoever carries it
    report                      the report and the forms that it is kept in
    engine                      durable runs: workflow, steps, approvals, retries, leases
    journal     projections     the log of events               pure folds of it into values to show
    models      sources         language models                 where evidence comes from
    cache  index  transport     kept answers, passages, guarded requests to other machines
    text                        words: stop list and stemmer
    failures    ledger          errors as values                what a budget has left
    events  commands  settings  what happened, what was requested, what can be set
    documents   budget          values that rooms exchange
    env_files   installation    what the user and a folder say; who wrote what
    files                       files that may come from somebody else
    errors  ids  clock          what everyone shares; version
    redaction                   known secrets taken out of all that is written or shown

Importing this package loads none of them: a public name is looked up when it is first used.

Example:
    >>> import sentient_kernel as sk
    >>> sk.Settings.__module__
    'sentient_kernel.settings'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sentient_kernel.version import __version__ as __version__

if TYPE_CHECKING:
    from sentient_kernel.budget import Budget
    from sentient_kernel.documents import Document, Passage
    from sentient_kernel.engine.context import Context
    from sentient_kernel.engine.workflow import Outcome, Retry, idempotent, once, pure, workflow
    from sentient_kernel.errors import (
        AnswerRefused,
        ApprovalRejected,
        Blocked,
        ConfigurationError,
        Detached,
        FetchFailed,
        HoldsSecret,
        JournalDamaged,
        JournalError,
        JournalTooNew,
        ModelError,
        NondeterminismError,
        NotFound,
        NothingFound,
        NotRecorded,
        Offline,
        ParseError,
        Refused,
        RunCancelled,
        RunError,
        RunFailed,
        RunTimedOut,
        RunWaiting,
        SentientError,
        SourceError,
        StepFailed,
        StepTimedOut,
        UnknownWorkflow,
        UsageError,
        ValueNotStorable,
    )
    from sentient_kernel.notebook.nested import allow_nested
    from sentient_kernel.notebook.to_html import to_html
    from sentient_kernel.report.report import Report
    from sentient_kernel.settings import Settings
    from sentient_kernel.workbench.run import Run
    from sentient_kernel.workbench.workbench import Workbench

__all__ = [
    "AnswerRefused",
    "ApprovalRejected",
    "Blocked",
    "Budget",
    "ConfigurationError",
    "Context",
    "Detached",
    "Document",
    "FetchFailed",
    "HoldsSecret",
    "JournalDamaged",
    "JournalError",
    "JournalTooNew",
    "ModelError",
    "NondeterminismError",
    "NotFound",
    "NotRecorded",
    "NothingFound",
    "Offline",
    "Outcome",
    "ParseError",
    "Passage",
    "Refused",
    "Report",
    "Retry",
    "Run",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunTimedOut",
    "RunWaiting",
    "SentientError",
    "Settings",
    "SourceError",
    "StepFailed",
    "StepTimedOut",
    "UnknownWorkflow",
    "UsageError",
    "ValueNotStorable",
    "Workbench",
    "allow_nested",
    "idempotent",
    "once",
    "pure",
    "to_html",
    "workflow",
]

_ELSEWHERE = {
    "Budget": "budget",
    "Context": "engine.context",
    "Document": "documents",
    "Outcome": "engine.workflow",
    "Passage": "documents",
    "Report": "report.report",
    "Retry": "engine.workflow",
    "Run": "workbench.run",
    "Settings": "settings",
    "Workbench": "workbench.workbench",
    "allow_nested": "notebook.nested",
    "idempotent": "engine.workflow",
    "load_ipython_extension": "magics.magics",
    "once": "engine.workflow",
    "pure": "engine.workflow",
    "to_html": "notebook.to_html",
    "unload_ipython_extension": "magics.magics",
    "workflow": "engine.workflow",
}
"""The module of each public name, and of what IPython calls; those not listed are errors."""


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name not in __all__ and name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
