"""What every journal store promises, as tests that any store can be put through.

A store's own tests make a class of these and say how it is opened; pytest does the rest::

    class TestMyStore(JournalConformance):
        @pytest.fixture
        def open_journal(self, tmp_path):
            with ExitStack() as opened:
                yield lambda clock=None: opened.enter_context(closing(MyJournal(tmp_path / "store", clock=clock)))

Each call of ``open_journal`` opens the *same* store once more, as another kernel would.
"""

from __future__ import annotations

from sentient_kernel.testing.conformance_holding import HoldingConformance
from sentient_kernel.testing.conformance_writing import WritingConformance


class JournalConformance(WritingConformance, HoldingConformance):
    """The promises of :class:`sentient_kernel.journal.base.Journal`, a test each."""
