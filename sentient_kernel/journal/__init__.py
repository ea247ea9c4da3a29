"""The journal: an append-only log of events, and the hub that carries what is written to whoever follows.

May import: the vocabulary (events, ids, clock, errors). Knows no engine, model, widget or HTTP.

The invariant: what an append was told is written is never lost, never changed and never given another place; when something outside
breaks that, the journal says which rows are concerned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentient_kernel.journal._repair import Repaired, repair
    from sentient_kernel.journal.blobs import BlobStore
    from sentient_kernel.journal.hub import Hub, Listener, Subscriber
    from sentient_kernel.journal.sqlite import SqliteJournal

__all__ = ["BlobStore", "Hub", "Listener", "Repaired", "SqliteJournal", "Subscriber", "repair"]

_WHERE = {
    "BlobStore": "blobs",
    "Hub": "hub",
    "Listener": "hub",
    "Repaired": "_repair",
    "SqliteJournal": "sqlite",
    "Subscriber": "hub",
    "repair": "_repair",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
