"""Sentient Kernel: a durable research workbench that lives in a notebook.

Everything that happens is a typed event appended to a journal; everything anyone sees is a projection of it.

The house, room by room. A room may import what stands below it, never what stands above:

.. code-block:: text

    cli  magics  testing       doors: the command line, the notebook's magics, the kit for tests
    workbench                  the object a person holds; it builds the parts and hands them on
    agents     widgets         research and reports             what a notebook shows
    engine                     durable runs: workflow, steps, approvals, retries, leases
    journal    projections     the log of events                pure folds of it into values to show
    models     sources         language models                  where evidence comes from
    cache      index           outside calls, kept              passages and their ranking
    events  commands  settings what happened, what was asked, what can be set
    errors  ids  clock         what everyone shares

Importing this package loads none of them: a public name is looked up when it is first used.

Example:
    >>> import sentient_kernel as sk
    >>> sk.Settings.__module__
    'sentient_kernel.settings'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentient_kernel.errors import AnswerRefused as AnswerRefused
    from sentient_kernel.errors import ApprovalRejected as ApprovalRejected
    from sentient_kernel.errors import ConfigurationError as ConfigurationError
    from sentient_kernel.errors import Detached as Detached
    from sentient_kernel.errors import JournalDamaged as JournalDamaged
    from sentient_kernel.errors import JournalError as JournalError
    from sentient_kernel.errors import JournalTooNew as JournalTooNew
    from sentient_kernel.errors import ModelError as ModelError
    from sentient_kernel.errors import NondeterminismError as NondeterminismError
    from sentient_kernel.errors import NotFound as NotFound
    from sentient_kernel.errors import NothingFound as NothingFound
    from sentient_kernel.errors import ParseError as ParseError
    from sentient_kernel.errors import Refused as Refused
    from sentient_kernel.errors import RunCancelled as RunCancelled
    from sentient_kernel.errors import RunError as RunError
    from sentient_kernel.errors import RunFailed as RunFailed
    from sentient_kernel.errors import RunWaiting as RunWaiting
    from sentient_kernel.errors import SentientError as SentientError
    from sentient_kernel.errors import SourceError as SourceError
    from sentient_kernel.errors import StepFailed as StepFailed
    from sentient_kernel.errors import StepTimedOut as StepTimedOut
    from sentient_kernel.errors import UnknownWorkflow as UnknownWorkflow
    from sentient_kernel.errors import UsageError as UsageError
    from sentient_kernel.errors import ValueNotStorable as ValueNotStorable
    from sentient_kernel.nested import allow_nested as allow_nested
    from sentient_kernel.settings import Settings as Settings

__version__ = "0.1.0"
__all__ = [
    "AnswerRefused",
    "ApprovalRejected",
    "ConfigurationError",
    "Detached",
    "JournalDamaged",
    "JournalError",
    "JournalTooNew",
    "ModelError",
    "NondeterminismError",
    "NotFound",
    "NothingFound",
    "ParseError",
    "Refused",
    "RunCancelled",
    "RunError",
    "RunFailed",
    "RunWaiting",
    "SentientError",
    "Settings",
    "SourceError",
    "StepFailed",
    "StepTimedOut",
    "UnknownWorkflow",
    "UsageError",
    "ValueNotStorable",
    "allow_nested",
]

_ELSEWHERE = {"Settings": "settings", "allow_nested": "nested"}
"""The module of each public name; those not listed are errors."""


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
