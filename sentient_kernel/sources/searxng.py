"""SearXNG: a search engine that the user runs, or somebody runs for them. Its JSON has to be switched on."""

from __future__ import annotations

from typing import Any

from sentient_kernel.errors import ConfigurationError, SourceError, StatusError, WrongKind
from sentient_kernel.sources.outside import Calls, Outside
from sentient_kernel.sources.remote import Service
from sentient_kernel.sources.web import HITS, Hit, WebSource, list_of, text_of

__all__ = ["SearxngSource"]

_JSON = "Its owner has to add json to search.formats in settings.yml."


class SearxngSource(WebSource):
    """Pages that a SearXNG server finds.

    Args:
        outside: Through what; ``SENTIENT_SEARXNG_URL`` says where it is.
        name: What it is called.

    Raises:
        ConfigurationError: The setting is missing.
    """

    service = "SearXNG"

    def __init__(self, outside: Outside, *, name: str = "searxng", key: str = "") -> None:
        super().__init__(outside, name=name, key=key)
        if not outside.settings.searxng_url:
            raise ConfigurationError("Where SearXNG is has to be said.", hint="Set SENTIENT_SEARXNG_URL, such as http://127.0.0.1:8080.")
        self._api = Service(outside, "searxng_url")

    async def _hits(self, query: str, calls: Calls) -> list[Hit]:
        async def ask() -> list[dict[str, str]]:
            self._outside.readers.warm()
            try:
                answer: Any = (await self._api.get("/search", {"q": query, "format": "json"})).json()
            except StatusError as error:
                if error.answered == 403:
                    raise SourceError("SearXNG refuses to answer in JSON (HTTP 403).", hint=_JSON) from None
                raise
            except WrongKind:
                raise SourceError("What answers at SENTIENT_SEARXNG_URL is not JSON.", hint=_JSON) from None
            found = list_of(answer.get("results") if isinstance(answer, dict) else None)
            return [{"url": text_of(one.get("url")), "title": text_of(one.get("title"))} for one in found[:HITS]]

        value = (await calls.ask("search", {"searxng": self._api.base, "query": query, "as": 1}, ask)).value
        return [Hit(**one) for one in value]
