"""The journal: an append-only log of events, and the hub that carries what is written to whoever
follows.

May import: the vocabulary (events, ids, clock, errors). Knows no engine, model, widget or HTTP.

The invariant: what an append was told is written is never lost, never changed and never given
another place; when something outside breaks that, the journal says which rows are concerned.

How it is built, where one might wonder:

- Commits that need not survive the power are made on the engine's loop (a hop to a thread costs
  three times as much), inside the call of a task that writes alone, together for many. Those that
  the disk confirms, contended ones and checkpoints are a thread's (``writer``).
- A row keeps its run and kind as numbers and has no index entry of its own: ``spans`` says in which
  blocks of 64 rows a run or a kind occurs (``schema``). Two rows of a step take about 135 bytes.
- SQLite opens a damaged log without a word. A chain of hashes and a head record beside the file
  tell (``watermark``, ``check``); a repair reads pages itself and lets the chain decide what is a
  row (``pages``, ``repair``).
- The chain is not secret, so it does not tell who wrote a row; a mark beside each does, made with a
  key outside every home (``marks``). Records say by their ``origin`` whether they count here.
- Big values are files named by their hash, not rows: they would fill the log and its checkpoints.

    base.py     what every store can do
    sqlite/     the store in one file
    hub.py      who follows: live fan-out, in order, and wake-ups
    blobs.py    big values
    texts.py    streamed texts, which are not stored
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentient_kernel.journal.blobs import BlobStore
    from sentient_kernel.journal.hub import Hub, Subscriber
    from sentient_kernel.journal.sqlite.repair import Repaired, repair
    from sentient_kernel.journal.sqlite.store import SqliteJournal

__all__ = ["BlobStore", "Hub", "Repaired", "SqliteJournal", "Subscriber", "repair"]

_WHERE = {
    "BlobStore": "blobs",
    "Hub": "hub",
    "Repaired": "sqlite.repair",
    "SqliteJournal": "sqlite.store",
    "Subscriber": "hub",
    "repair": "sqlite.repair",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
