"""Brave Search: an index of its own, asked with a key."""

from __future__ import annotations

from typing import Any

from sentient_kernel.errors import ConfigurationError, StatusError
from sentient_kernel.sources.outside import Calls, Outside
from sentient_kernel.sources.remote import Service, key_refused
from sentient_kernel.sources.web import HITS, Hit, WebSource, list_of, text_of

__all__ = ["BraveSource"]

MOST_CHARACTERS, MOST_WORDS = 400, 50
"""Of a query; Brave takes no more."""


class BraveSource(WebSource):
    """Pages that Brave Search finds.

    Args:
        outside: Through what; ``SENTIENT_BRAVE_API_KEY`` is the key.
        name: What it is called.

    Raises:
        ConfigurationError: There is no key.
    """

    service = "Brave"

    def __init__(self, outside: Outside, *, name: str = "brave", key: str = "") -> None:
        super().__init__(outside, name=name, key=key)
        if outside.settings.brave_api_key is None:
            raise ConfigurationError("Brave needs a key.", hint="Set SENTIENT_BRAVE_API_KEY.")
        self._secret = outside.settings.brave_api_key
        self._api = Service(outside, "brave_url")

    async def _hits(self, query: str, calls: Calls) -> list[Hit]:
        asked = {"q": " ".join(query.split()[:MOST_WORDS])[:MOST_CHARACTERS], "count": HITS, "text_decorations": "false"}

        async def ask() -> list[dict[str, str]]:
            self._outside.readers.warm()
            try:
                headers = {"x-subscription-token": self._secret.get_secret_value()}
                answer: Any = (await self._api.get("/res/v1/web/search", asked, headers=headers)).json()
            except StatusError as error:
                raise key_refused(error, self.service, "SENTIENT_BRAVE_API_KEY") from None
            web = answer.get("web") if isinstance(answer, dict) else None
            found = list_of(web.get("results") if isinstance(web, dict) else None)
            return [{"url": text_of(one.get("url")), "title": text_of(one.get("title"))} for one in found]

        value = (await calls.ask("search", {"brave": self._api.base, **asked, "as": 1}, ask)).value
        return [Hit(**one) for one in value]
