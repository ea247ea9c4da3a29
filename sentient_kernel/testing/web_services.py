"""What a :class:`sentient_kernel.testing.FakeWeb` says: pages, a SearXNG and a Wikipedia, in the
shapes that they really have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from sentient_kernel.testing.server import HttpRequest

__all__ = [
    "SERVICES",
    "Article",
    "Contents",
    "HttpReply",
    "Service",
    "as_json",
    "best",
    "html",
    "number",
    "snippet",
]

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer; ``raw`` is what is sent instead, as it is, before the connection ends."""

    body: bytes
    kind: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Iterable[bytes] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """An article on the web, or in Wikipedia."""

    path: str
    title: str
    text: str
    author: str = ""
    date: str = ""
    licence: str = ""
    orders: str = ""
    disambiguation: bool = False


class Contents(Protocol):
    """What the services of a fake web look into."""

    json: bool
    articles: list[Article]
    wikipedia: list[Article]

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""


Service = Callable[[Any, "HttpRequest", str], HttpReply | None]
"""Answers for a fake web: given the web, a request, and the rest of its path; None for a 404."""


def html(text: Article) -> str:
    """Returns an article as a page, with navigation and a footer around it."""
    head = "".join(
        f'<meta name="{name}" content="{escape(value)}">'
        for name, value in (("author", text.author), ("date", text.date))
        if value
    )
    if text.licence:
        head += f'<link rel="license" href="{escape(text.licence)}">'
    body = "".join(f"<p>{escape(part.strip())}</p>\n" for part in text.text.split("\n\n"))
    if text.orders:
        body += (
            f'<p style="color:#fff;font-size:1px">{escape(text.orders)}</p>\n<!--'
            f" {escape(text.orders)} -->\n"
        )
    title = escape(text.title)
    nav = '<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}'
        f"</head><body>{nav}<main><article><h1>{title}</h1>\n{body}</article></main>"
        "<footer>Cookies. All rights reserved.</footer></body></html>"
    )


Item = TypeVar("Item", bound=Article)


def best(items: Iterable[Item], query: str, most: int) -> list[tuple[Item, float]]:
    """Returns what shares words with a query, the most first."""
    wanted = _words(query)
    shares = (
        (item, round(len(wanted & _words(f"{item.title} {item.text}")) / max(len(wanted), 1), 4))
        for item in items
    )
    return sorted((pair for pair in shares if pair[1]), key=lambda pair: -pair[1])[:most]


def _words(text: str) -> set[str]:
    found = {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2}
    return found - {"the", "and", "all", "for", "what"}


def number(text: str | None, default: int) -> int:
    """Reads a number of a query."""
    return int(text) if text and text.isdigit() else default


def snippet(text: str) -> str:
    """Returns the beginning of a text, as searches show it."""
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " ..."


def as_json(value: Any, status: int = 200) -> HttpReply:
    """Returns an answer in JSON."""
    return HttpReply(json.dumps(value, ensure_ascii=False).encode(), JSON, status)


def _searxng(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest not in ("", "search"):
        return None
    form = dict(request.query) | dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if form.get("format", "html") != "json":
        return HttpReply(b"<html><body><main id='main_results'></main></body></html>", "text/html")
    if not web.json:
        return HttpReply(b"<!doctype html>\n<h1>Forbidden</h1>\n", "text/html", 403)
    results = [
        {
            "url": web.url + text.path,
            "title": text.title,
            "content": snippet(text.text),
            "publishedDate": f"{text.date}T00:00:00" if text.date else None,
            "thumbnail": "",
            "engine": "bing",
            "template": "default.html",
            "img_src": "",
            "priority": "",
            "engines": ["bing", "duckduckgo"],
            "positions": [place],
            "score": score,
            "category": "general",
        }
        for place, (text, score) in enumerate(best(web.articles, form.get("q", ""), 10), 1)
    ]
    return as_json(
        {
            "query": form.get("q", ""),
            "number_of_results": 0,
            "results": results,
            "answers": [],
            "corrections": [],
            "infoboxes": [],
            "suggestions": [],
            "unresponsive_engines": [["google", "Suspended: too many requests"]],
        }
    )


def _wikipedia(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    """Answers ``action=query`` in format version 2: a list of search results, or pages by title."""
    if rest != "w/api.php":
        return None
    texts = {text.title: (at, text) for at, text in enumerate(web.wikipedia, 1_001)}
    query = request.query
    if "srsearch" in query:
        found = best(web.wikipedia, query["srsearch"], number(query.get("srlimit"), 10))
        hits = [
            {
                "ns": 0,
                "title": text.title,
                "pageid": texts[text.title][0],
                "size": len(text.text),
                "wordcount": len(text.text.split()),
                "snippet": (
                    f'<span class="searchmatch">{escape(text.title)}</span>'
                    f" {escape(snippet(text.text))}"
                ),
                "timestamp": "2024-01-01T00:00:00Z",
            }
            for text, _ in found
        ]
        answer: dict[str, Any] = {"searchinfo": {"totalhits": len(hits)}, "search": hits}
    else:
        titles = [title.replace("_", " ") for title in query.get("titles", "").split("|")]
        answer = {
            "pages": [
                _wiki_page(web, *texts[title])
                if title in texts
                else {"ns": 0, "title": title, "missing": True}
                for title in titles
            ]
        }
    return as_json({"batchcomplete": True, "query": answer})


def _wiki_page(web: Contents, at: int, text: Article) -> dict[str, Any]:
    changed = {"timestamp": "2024-01-01T00:00:00Z", "revid": 9_000_000 + at, "parentid": 0}
    return {
        "pageid": at,
        "ns": 0,
        "title": text.title,
        "extract": text.text,
        "pagelanguage": "en",
        "touched": "2024-01-01T00:00:00Z",
        "lastrevid": 9_000_000 + at,
        "length": len(text.text),
        "fullurl": web.url + quote(text.path),
        "pageprops": {"disambiguation": ""} if text.disambiguation else {},
        "revisions": [changed],
    }


SERVICES: dict[str, Service] = {"searxng": _searxng, "wikipedia": _wikipedia}
"""By the first part of the path that they stand at."""
