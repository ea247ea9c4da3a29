"""SearXNG: a search engine that the user runs, or somebody runs for them. Its JSON has to be
switched on.
"""

from __future__ import annotations

from typing import Any

from sentient_kernel.errors import ConfigurationError, SourceError, StatusError, WrongKind
from sentient_kernel.sources.web.fetch import Outside
from sentient_kernel.sources.web.web import WebSource, hits_of

__all__ = ["SearxngSource"]

_JSON = "Its owner has to add json to search.formats in settings.yml."


class SearxngSource(WebSource):
    """Pages that a SearXNG server finds.

    Args:
        outside: Through what; ``SENTIENT_SEARXNG_URL`` says where it is.
        name: What it is called; the word for it when not given.
        key: As for every source on other machines.

    Raises:
        ConfigurationError: The setting is missing.
    """

    service = "SearXNG"
    setting = "searxng_url"

    def __init__(self, outside: Outside, *, name: str = "", key: str = "") -> None:
        if not outside.settings.searxng_url:
            raise ConfigurationError(
                "SENTIENT_SEARXNG_URL is not set.",
                hint="Set it to your server, such as http://127.0.0.1:8080.",
            )
        super().__init__(outside, name=name, key=key)

    def _asked(self, query: str) -> dict[str, Any]:
        return {"query": query}

    async def _results(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        self._outside.readers.warm()
        try:
            answer = await self._api.get("/search", {"q": asked["query"], "format": "json"})
            return hits_of(answer.json())
        except StatusError as error:
            if error.answered != 403:
                raise
            why = "SearXNG refuses to answer in JSON (HTTP 403)."
        except WrongKind:
            why = "What answers at SENTIENT_SEARXNG_URL is not JSON."
        raise SourceError(why, hint=_JSON)
