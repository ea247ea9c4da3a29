"""A fake web with all services that the product can ask: those of the test kit, and scholarly ones
and searches that want a key.
"""

from __future__ import annotations

from typing import Any

from sentient_kernel.testing import FakeWeb
from tests.kits import hostile_answers, keyed_searches, scholarly
from tests.kits.scholarly import Paper

__all__ = ["Paper", "ServicesWeb"]


class ServicesWeb(FakeWeb):
    """A fake web that also answers as Tavily, Brave, arXiv, OpenAlex, Crossref and PubMed do, and
    that can mean harm.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.papers: list[Paper] = []
        self.wrong |= hostile_answers.WRONG
        self.services |= {**keyed_searches.SERVICES, **scholarly.SERVICES}  # type: ignore[dict-item]

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the fake web, with keys for the searches that want one."""
        keys = dict.fromkeys(("tavily_api_key", "brave_api_key"), keyed_searches.KEY)
        return {**super().settings, **keys}

    def paper(self, title: str, abstract: str, **more: Any) -> Paper:
        """Adds a paper to the scholarly services; ``more`` are fields of :class:`Paper`."""
        found = Paper("", title, abstract, number=len(self.papers) + 1, **more)
        self.papers.append(found)
        return found
