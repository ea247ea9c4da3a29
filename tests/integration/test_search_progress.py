"""A search that has much to read says so in its cell, and leaves nothing of it."""

from __future__ import annotations

from pathlib import Path

from kernel_kit import Kernel

SLOW = """
import sentient_kernel as sk, asyncio
from sentient_kernel.documents import Health

class Shelf:
    name = "shelf"
    health = Health(source="shelf")
    async def refresh(self, progress=None):
        for number in range(1, 9):
            progress(f"Reading shelf, {number} of 8 files", number / 8)
            await asyncio.sleep(0.1)
        return self.health
    async def search(self, query, *, k=10):
        return []
    def document(self, document):
        return None

wb = sk.Workbench("home")
wb.add(Shelf());
"""


def test_a_search_says_what_it_reads_while_it_does(tmp_path: Path) -> None:
    with Kernel(tmp_path) as kernel:
        kernel.run(SLOW)
        cell = kernel.run("wb.search('bees')")
        said = [
            output.content["data"]["text/plain"]
            for output in cell.outputs
            if "display_id" in output.content.get("transient", {})
        ]
        assert len(said) > 3 and said[-1] == ""
        assert all(one.startswith("Reading shelf, ") and one.endswith("%)") for one in said[:-1])
        assert "Table of 0" in cell.text or "No passages" in cell.text
        quick = kernel.run("wb.search('bees', sources=[]) if False else 1")
        assert not [o for o in quick.outputs if o.content.get("transient")]
