"""Answers of scholarly services that are XML: Atom of arXiv and articles of PubMed, as lists of
works in ``meta["works"]``.
"""

from __future__ import annotations

import re
from typing import Any

from . import known
from .archive import walk
from .common import ParsedText, clean, one_line

_MOST = 200
_MONTHS = {
    name: str(at)
    for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
_ARXIV = re.compile(r"arxiv\.org/abs/([\w.\-/]{1,40}?)(?:v\d+)?$")


def atom(data: bytes) -> ParsedText:
    """Reads the answer of arXiv's API."""
    tree = _tree(data)
    if tree.name != "feed":
        raise_unfit(tree.name)
    works = []
    for entry in tree.all("entry")[:_MOST]:
        found = _ARXIV.search(entry.text("id"))
        if found is None:  # an error, which arXiv words as an entry
            continue
        category = next(
            (each.attributes.get("term", "") for each in entry.all("primary_category")), ""
        )
        meta = {
            "authors": known.authors(author.text("name") for author in entry.all("author")),
            "date": known.date(entry.text("published")),
            "doi": known.doi(entry.text("doi")),
            "container": one_line(entry.text("journal_ref"), 200) or "arXiv",
            "section": category,
            "arxiv": found[1],
        }
        works.append(
            _work(
                entry.text("title"),
                _joined(entry.text("summary")),
                f"https://arxiv.org/abs/{found[1]}",
                meta,
            )
        )
    return _works(works)


def pubmed(data: bytes) -> ParsedText:
    """Reads what PubMed's efetch gives for articles."""
    tree = _tree(data)
    if tree.name not in ("PubmedArticleSet", "eFetchResult"):
        raise_unfit(tree.name)
    works = []
    for article in tree.all("PubmedArticle")[:_MOST]:
        number = article.text("MedlineCitation/PMID")
        about = next(iter(article.all("MedlineCitation/Article")), None)
        if about is None or not number.isdigit():
            continue
        ids = {
            each.attributes.get("IdType"): each.whole()
            for each in article.all("PubmedData/ArticleIdList/ArticleId")
        }
        names = [
            f"{one.text('ForeName')} {one.text('LastName')}".strip() or one.text("CollectiveName")
            for one in about.all("AuthorList/Author")
        ]
        when = next(iter(about.all("Journal/JournalIssue/PubDate")), _Node("", {}))
        month = when.text("Month")
        date = known.joined_date(
            when.text("Year"), _MONTHS.get(month[:3].lower(), month), when.text("Day")
        )
        meta = {
            "authors": known.authors(names),
            "date": date or known.date(when.text("MedlineDate")),
            "doi": known.doi(ids.get("doi", "")),
            "licence": "",
            "container": one_line(about.text("Journal/Title"), 200),
            "pmid": number,
        }
        title = one_line(about.text("ArticleTitle"), 500).removesuffix(".")
        works.append(
            _work(title, _abstract(about), f"https://pubmed.ncbi.nlm.nih.gov/{number}/", meta)
        )
    return _works(works)


def _abstract(about: _Node) -> str:
    """Returns an abstract, its sections as paragraphs with their names before them."""
    parts = []
    for part in about.all("Abstract/AbstractText"):
        text, label = _joined(part.whole()), one_line(part.attributes.get("Label", ""), 60)
        if text:
            parts.append(f"{label}: {text}" if label and label.upper() != "UNLABELLED" else text)
    return "\n\n".join(parts)


def _joined(text: str) -> str:
    """Joins the lines of paragraphs, which services break anywhere."""
    return "\n\n".join(
        " ".join(part.split()) for part in re.split(r"\n\s*\n", clean(text)) if part.strip()
    )


def _work(title: str, text: str, uri: str, meta: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in meta.items() if value}
    return {"title": one_line(title, 500), "text": text, "uri": uri, "meta": kept}


def _works(works: list[dict[str, Any]]) -> ParsedText:
    return ParsedText("works", "", {"works": works})


def raise_unfit(name: str) -> None:
    """Refuses an answer that is XML and not what was asked for."""
    from .common import Unreadable

    raise Unreadable(f"is <{name[:40]}>, not what was requested")


class _Node:
    """An element: its name, attributes, children, and the text between them."""

    __slots__ = ("attributes", "name", "parts")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.parts: list[_Node | str] = []

    def all(self, path: str) -> list[_Node]:
        """Returns the elements at a path of names below this one."""
        found = [self]
        for name in path.split("/"):
            found = [
                part
                for node in found
                for part in node.parts
                if isinstance(part, _Node) and part.name == name
            ]
        return found

    def text(self, path: str) -> str:
        """Returns the text of the first element at a path; "" without one."""
        return next((node.whole().strip() for node in self.all(path)), "")

    def whole(self) -> str:
        """Returns all text in the element."""
        return "".join(part if isinstance(part, str) else part.whole() for part in self.parts)


def _tree(data: bytes) -> _Node:
    """Reads XML whose document type, if it has one, is passed over; an entity of its own is
    refused.
    """
    root = _Node("", {})
    open_ones = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        node = _Node(name, attributes)
        open_ones[-1].parts.append(node)
        open_ones.append(node)

    def end(_: str) -> None:
        open_ones.pop()

    walk(data, start, end, lambda text: open_ones[-1].parts.append(text), doctype=True)
    return next((part for part in root.parts if isinstance(part, _Node)), root)
