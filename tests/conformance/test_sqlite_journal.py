"""The SQLite journal keeps what every store promises, whether the disk confirms each commit or
not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Literal

import pytest
from kits.journal_holding import HoldingConformance
from kits.journal_writing import WritingConformance

from sentient_kernel.clock import Clock
from sentient_kernel.journal.base import Journal
from sentient_kernel.journal.sqlite.store import SqliteJournal
from sentient_kernel.testing.journal_conformance import JournalConformance, Open


class TestSqliteJournal(JournalConformance, WritingConformance, HoldingConformance):
    durability: Literal["process", "power"] = "process"

    @pytest.fixture
    def open_journal(self, tmp_path: Path) -> Iterator[Open]:
        with ExitStack() as opened:

            def open_(clock: Clock | None = None) -> Journal:
                journal = SqliteJournal(
                    tmp_path / "home" / "journal.db", clock=clock, durability=self.durability
                )
                return opened.enter_context(closing(journal))

            yield open_


class TestSqliteJournalThatSurvivesThePower(TestSqliteJournal):
    durability = "power"
