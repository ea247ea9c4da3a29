"""What a source of evidence is."""

from __future__ import annotations

from typing import Protocol

from sentient_kernel.documents import Document, Health, Passage, Progress
from sentient_kernel.ids import DocumentId

__all__ = ["Document", "Health", "Passage", "Progress", "Source"]


class Source(Protocol):
    """A place that evidence comes from.

    One that says ``public = True`` gives what everybody may read and sends what it is asked to
    other machines, as a search service does. Of all others what they give is a person's own: what
    a model writes after reading it is shown to that person before it is sent.
    """

    name: str

    async def refresh(self, progress: Progress | None = None) -> Health:
        """Reads what is new or changed since the last time. One bad document costs nothing but
        itself: it is in ``refused``.
        """

    async def search(self, query: str, *, k: int = 10) -> list[Passage]:
        """Returns the k passages that fit best, best first. Raises SourceError when the source
        cannot be asked.
        """

    def document(self, document: DocumentId) -> Document | None:
        """Returns a document that a passage of this source points to."""

    @property
    def health(self) -> Health:
        """How the source is doing, as of its last refresh or search."""
