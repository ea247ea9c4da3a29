"""What a source of evidence is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

from sentient_kernel.describing import Described
from sentient_kernel.documents import Document, Health, Passage, Progress
from sentient_kernel.ids import DocumentId

__all__ = ["Document", "Health", "OpenSource", "Passage", "Progress", "Source", "SourceState"]


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceState(Described):
    """How a source stands.

    Args:
        name: What it is called.
        kind: What it is: folder, packages, wikipedia and so on.
        read: Whether something of it was read yet; a service is asked when something is searched.
        documents: How many documents it holds, or brought the last time.
        passages: How many passages they make.
        refused: How many documents could not be read.
        reason: Why there is nothing, when there is nothing.
    """

    NOUN: ClassVar[str] = "source"

    name: str
    kind: str
    read: bool
    documents: int
    passages: int
    refused: int
    reason: str

    @classmethod
    def of(cls, source: Source, name: str = "") -> SourceState:
        """Returns the state of a source that goes by a name."""
        health = source.health
        return cls(
            name=name or source.name,
            kind=type(source).__name__.removesuffix("Source").lower(),
            read=bool(health.documents or health.read),
            documents=health.documents,
            passages=health.passages,
            refused=len(health.refused),
            reason=health.reason,
        )


class OpenSource(Described):
    """What this package's own sources say of themselves."""

    name: str

    def _brief(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _about(self) -> Mapping[str, Any]:
        source = cast("Source", self)
        state = SourceState.of(source)
        told: dict[str, Any] = {"name": self.name, "kind": state.kind}
        if state.read:
            told |= {"documents": state.documents, "passages": state.passages}
        else:
            told["read"] = "not yet; the first search or research does"
        refused = [uri for uri, _ in source.health.refused[:5]]
        return {
            **told,
            "refused": state.refused or None,
            "such as": refused,
            "reason": state.reason,
        }
