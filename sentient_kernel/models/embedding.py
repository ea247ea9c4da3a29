"""Embeddings from any server that is compatible with OpenAI's ``/embeddings``, Ollama among them.

Nothing needs one. Where there is one, sentences that say the same as their quotes in other words
are found by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sentient_kernel.errors import ConfigurationError, ModelCut
from sentient_kernel.models.call import CALL, Deadlines, ServerCall
from sentient_kernel.models.check import split
from sentient_kernel.models.provider import LazyProvider, Provider

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetcher

__all__ = ["Embedder"]

AT_ONCE = 64
"""Texts in one request."""


class Embedder:
    """Turns texts into vectors. Keys and base URLs come from the environment, as for models.

    Args:
        name: Such as ``openai:text-embedding-3-small`` or ``ollama:nomic-embed-text``.
        fetcher: The guarded way to other machines.
        deadlines: How long it may keep us waiting.

    Raises:
        UnknownModel: The name is not written like that.
    """

    def __init__(self, name: str, fetcher: Fetcher, deadlines: Deadlines) -> None:
        _, self._model = split(name, "an embedder", "openai:text-embedding-3-small")
        self.name = name
        self._deadlines = deadlines
        self._provider = LazyProvider(name, fetcher)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns a vector for each text, all of one length.

        Raises:
            ModelError: No answer, or half of one.
            ConfigurationError: The provider is unknown, has no embeddings, or its key or package is
                missing.
        """
        provider = await self._provider.ready()
        if provider.speaks != "chat":
            raise ConfigurationError(
                f"{self.name!r} has no embeddings that are known here.",
                hint="Name one of OpenAI or Ollama.",
            )
        found: list[list[float]] = []
        for at in range(0, len(texts), AT_ONCE):
            found += await self._some(provider, texts[at : at + AT_ONCE])
        return found

    async def _some(self, provider: Provider, texts: Sequence[str]) -> list[list[float]]:
        call = ServerCall(deadlines=self._deadlines, sent=sum(map(len, texts)))
        CALL.set(call)
        vectors, failure = None, "not one for each text"
        try:
            reply = await provider.model.client.embeddings.create(
                model=self._model, input=list(texts), encoding_format="float"
            )
            vectors = _vectors(reply, len(texts))
        except Exception as error:  # noqa: BLE001
            # SDKs raise many kinds; what is raised below carries no request and no key
            failure = type(error).__name__
        if vectors is None:
            raise call.error or ModelCut(
                f"{self.name!r} gave no"
                f" embeddings{f' (HTTP {call.status})' if call.status else ''}: {failure}.",
                hint="Check its name and the base URL.",
            )
        return vectors


def _vectors(reply: Any, count: int) -> list[list[float]] | None:
    """Returns the vectors of an answer in the order of the texts, or None when it is not an answer
    to them.
    """
    data = sorted(reply.data or (), key=lambda one: one.index)
    vectors = [[float(x) for x in one.embedding] for one in data]
    whole = (
        len(vectors) == count and len({len(one) for one in vectors}) == 1 and len(vectors[0]) > 1
    )
    return vectors if whole else None
