"""OpenAlex: an open catalogue of scholarly works. It gives abstracts as an index from words to
places.
"""

from __future__ import annotations

from typing import Any

from sentient_kernel.sources.parser import known
from sentient_kernel.sources.scholarly.base import ScholarlySource
from sentient_kernel.sources.web.base import WORKS
from sentient_kernel.sources.web.web import dict_of, list_of, text_of

__all__ = ["OpenalexSource", "abstract_of"]

_SELECT = (
    "id,doi,display_name,publication_date,publication_year,primary_location,best_oa_location,"
    "authorships,abstract_inverted_index"
)
_LONGEST = 20_000


class OpenalexSource(ScholarlySource):
    """Abstracts of works at ``SENTIENT_OPENALEX_URL``."""

    service = "OpenAlex"
    setting = "openalex_url"

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        asked = {
            "search": " OR ".join(words),
            "filter": "has_abstract:true",
            "per-page": WORKS,
            "select": _SELECT,
        }
        answer = (await self._api.get("/works", asked)).json()
        return [
            _work(one)
            for one in list_of(answer.get("results") if isinstance(answer, dict) else None)
        ]


def _work(one: dict[str, Any]) -> dict[str, Any]:
    doi = known.doi(text_of(one.get("doi")))
    place, open_place = dict_of(one, "primary_location"), dict_of(one, "best_oa_location")
    return known.work(
        text_of(one.get("display_name") or one.get("title")),
        abstract_of(one.get("abstract_inverted_index")),
        f"https://doi.org/{doi}" if doi else text_of(one.get("id")),
        authors=known.authors(
            text_of(dict_of(each, "author").get("display_name"))
            for each in list_of(one.get("authorships"))
        ),
        date=known.date(text_of(one.get("publication_date")))
        or known.date(str(one.get("publication_year") or "")),
        doi=doi,
        licence=known.licence(text_of(place.get("license") or open_place.get("license"))),
        container=text_of(dict_of(place, "source").get("display_name")),
    )


def abstract_of(places: Any) -> str:
    """Returns the abstract that an index of its words stands for; "" for what is none.

    Example:
        >>> abstract_of({"the": [0, 3], "bees": [1], "like": [2], "sun": [4]})
        'the bees like the sun'
    """
    if not isinstance(places, dict):
        return ""
    pairs = [
        (place, word)
        for word, held in places.items()
        if isinstance(held, list)
        for place in held
        if isinstance(place, int) and 0 <= place < _LONGEST
    ]
    return " ".join(word for _, word in sorted(pairs)[:_LONGEST])
