"""Embeddings from any server that is compatible with OpenAI's ``/embeddings``, Ollama among them.

Nothing needs one. Where there is one, sentences that say the same as their quotes in other words
are found by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sentient_kernel.errors import ConfigurationError, ModelCut, UnknownModel
from sentient_kernel.models.call import CALL, Deadlines, ServerCall

if TYPE_CHECKING:
    from sentient_kernel.models.provider import Provider
    from sentient_kernel.transport import Fetcher

__all__ = ["Embedder", "ServedEmbedder", "open_embedder"]

AT_ONCE = 64
"""Texts in one request."""


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """What it goes by, ``provider:model``."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns a vector for each text, all of one length.

        Raises:
            ModelError: There is no answer, or half of one.
        """


def open_embedder(name: str, fetcher: Fetcher, *, deadlines: Deadlines | None = None) -> Embedder:
    """Returns an embedder by its usual name; keys and base URLs come from the environment, as for
    models.

    Args:
        name: Such as ``openai:text-embedding-3-small`` or ``ollama:nomic-embed-text``.
        fetcher: The guarded way to other machines.
        deadlines: How long it may keep us waiting.

    Raises:
        UnknownModel: It is no such name.
    """
    provider, colon, model = name.partition(":")
    if not (provider and colon and model.strip()):
        raise UnknownModel(
            f"{name!r} is not the name of an embedder.",
            hint="Write it like 'openai:text-embedding-3-small'.",
        )
    return ServedEmbedder(name, fetcher, deadlines or Deadlines())


class ServedEmbedder:
    """An embedder behind an API; opened with :func:`open_embedder`."""

    def __init__(self, name: str, fetcher: Fetcher, deadlines: Deadlines) -> None:
        self.name = name
        self._fetcher = fetcher
        self._deadlines = deadlines
        self._provider: Provider | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns a vector for each text; look at :class:`Embedder`.

        Raises:
            ModelError: No answer, or half of one.
            ConfigurationError: The provider is unknown, has no embeddings, or its key or package is
                missing.
        """
        provider = await self._ready()
        found: list[list[float]] = []
        for at in range(0, len(texts), AT_ONCE):
            found += await self._some(provider, texts[at : at + AT_ONCE])
        return found

    async def _ready(self) -> Provider:
        loop = asyncio.get_running_loop()
        if self._provider is None or self._provider.loop is not loop:
            from sentient_kernel.models.provider import build

            self._provider = await asyncio.to_thread(build, self.name, self._fetcher, loop)
        if self._provider.speaks != "chat":
            raise ConfigurationError(
                f"{self.name!r} has no embeddings that are known here.",
                hint="Name one of OpenAI or Ollama.",
            )
        return self._provider

    async def _some(self, provider: Provider, texts: Sequence[str]) -> list[list[float]]:
        call = ServerCall(deadlines=self._deadlines, sent=sum(map(len, texts)))
        token = CALL.set(call)
        vectors, failure = None, ""
        try:
            model = self.name.partition(":")[2]
            reply = await provider.model.client.embeddings.create(
                model=model, input=list(texts), encoding_format="float"
            )
            vectors = _vectors(reply, len(texts))
        except Exception as error:  # noqa: BLE001
            # SDKs raise many kinds; what is raised below carries no request and no key
            failure = type(error).__name__
        finally:
            CALL.reset(token)
        if vectors is None:
            raise call.error or ModelCut(
                f"{self.name!r} gave no"
                f" embeddings{f' (HTTP {call.status})' if call.status else ''}:"
                f" {failure or 'not one for each text'}.",
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
