"""What a :class:`sentient_kernel.testing.FakeWeb` holds, and what its services share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol, TypeVar

__all__ = ["Article", "Contents", "HttpReply", "Paper", "as_json", "best", "html", "number"]

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer in good order."""

    body: bytes
    kind: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


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
    wiki: bool = False
    disambiguation: bool = False

    @property
    def said(self) -> str:
        """What a search looks in, besides the title."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper, with what the scholarly services know of it. Authors are written "Given Family"; an
    empty id means: not there.
    """

    title: str
    abstract: str
    number: int = 1
    authors: tuple[str, ...] = ("Ada Example", "Ben Sample")
    year: int = 2021
    doi: str = ""
    arxiv: str = ""
    pmid: str = ""
    venue: str = "Journal of Samples"
    licence: str = "https://creativecommons.org/licenses/by/4.0/"

    @property
    def said(self) -> str:
        """What a search looks in, besides the title."""
        return self.abstract

    @property
    def the_doi(self) -> str:
        """The DOI, a made-up one where none was given."""
        return self.doi or f"10.5555/sample.{self.number}"

    @property
    def the_arxiv(self) -> str:
        """The arXiv number, a made-up one where none was given."""
        return self.arxiv or f"{self.year % 100:02d}01.{self.number:05d}"

    @property
    def the_pmid(self) -> str:
        """The PubMed number, a made-up one where none was given."""
        return self.pmid or str(30_000_000 + self.number)


class Contents(Protocol):
    """What the services of a fake web look into."""

    json: bool
    texts: list[Article]
    papers: list[Paper]

    @property
    def host(self) -> str:
        """Host and port."""

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""


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


Item = TypeVar("Item", Article, Paper)


def best(items: Iterable[Item], query: str, most: int) -> list[tuple[Item, float]]:
    """Returns what shares words with a query, the most first."""
    wanted = set(_words(query))
    scored = []
    for item in items:
        shared = wanted & set(_words(f"{item.title} {item.said}"))
        if shared:
            scored.append((item, round(len(shared) / len(wanted), 4)))
    return sorted(scored, key=lambda pair: -pair[1])[:most]


def _words(text: str) -> list[str]:
    return [
        word
        for word in re.findall(r"\w+", text.lower())
        if len(word) > 2 and word not in ("the", "and", "all", "for", "what")
    ]


def number(text: str | None, default: int) -> int:
    """Reads a number of a query."""
    return int(text) if text and text.isdigit() else default


def as_json(value: Any, status: int = 200) -> HttpReply:
    """Returns an answer in JSON."""
    return HttpReply(json.dumps(value, ensure_ascii=False).encode(), JSON, status)
