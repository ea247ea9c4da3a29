"""Answers of scholarly services that are XML: Atom of arXiv and articles of PubMed, as lists of
works in ``meta["works"]``.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from . import known
from .archive import elements, whole_text
from .common import ParsedText, Unreadable, clean, one_line

_MOST = 200
_MONTHS = {
    name: str(at)
    for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
_ARXIV = re.compile(r"arxiv\.org/abs/([\w.\-/]{1,40}?)(?:v\d+)?$")


def atom(data: bytes) -> ParsedText:
    """Reads the answer of arXiv's API."""
    (tree,) = elements(data, doctype=True)
    if tree.tag != "feed":
        raise _unfit(tree)
    works = []
    for entry in tree.findall("entry")[:_MOST]:
        found = _ARXIV.search(whole_text(entry, "id"))
        if found is None:  # an error, which arXiv words as an entry
            continue
        category = entry.find("primary_category")
        works.append(
            known.work(
                whole_text(entry, "title"),
                _joined(whole_text(entry, "summary")),
                f"https://arxiv.org/abs/{found[1]}",
                authors=known.authors(whole_text(one, "name") for one in entry.findall("author")),
                date=known.date(whole_text(entry, "published")),
                doi=known.doi(whole_text(entry, "doi")),
                container=one_line(whole_text(entry, "journal_ref"), 200) or "arXiv",
                section=category.get("term", "") if category is not None else "",
                arxiv=found[1],
            )
        )
    return ParsedText("works", "", {"works": works})


def pubmed(data: bytes) -> ParsedText:
    """Reads what PubMed's efetch gives for articles."""
    (tree,) = elements(data, doctype=True)
    if tree.tag not in ("PubmedArticleSet", "eFetchResult"):
        raise _unfit(tree)
    works = []
    for article in tree.findall("PubmedArticle")[:_MOST]:
        number = whole_text(article, "MedlineCitation/PMID")
        about = article.find("MedlineCitation/Article")
        if about is None or not number.isdigit():
            continue
        ids = {
            each.get("IdType"): whole_text(each)
            for each in article.findall("PubmedData/ArticleIdList/ArticleId")
        }
        when = about.find("Journal/JournalIssue/PubDate")
        works.append(
            known.work(
                whole_text(about, "ArticleTitle").removesuffix("."),
                _abstract(about),
                f"https://pubmed.ncbi.nlm.nih.gov/{number}/",
                authors=known.authors(map(_author, about.findall("AuthorList/Author"))),
                date=_date(when) if when is not None else "",
                doi=known.doi(ids.get("doi", "")),
                container=one_line(whole_text(about, "Journal/Title"), 200),
                pmid=number,
            )
        )
    return ParsedText("works", "", {"works": works})


def _author(one: Element) -> str:
    name = f"{whole_text(one, 'ForeName')} {whole_text(one, 'LastName')}"
    return name.strip() or whole_text(one, "CollectiveName")


def _date(when: Element) -> str:
    year, month, day = (whole_text(when, name) for name in ("Year", "Month", "Day"))
    date = known.joined_date(year, _MONTHS.get(month[:3].lower(), month), day)
    return date or known.date(whole_text(when, "MedlineDate"))


def _abstract(about: Element) -> str:
    """Returns an abstract, its sections as paragraphs with their names before them."""
    parts = []
    for part in about.findall("Abstract/AbstractText"):
        text, label = _joined(whole_text(part)), one_line(part.get("Label", ""), 60)
        if text:
            parts.append(f"{label}: {text}" if label and label.upper() != "UNLABELLED" else text)
    return "\n\n".join(parts)


def _joined(text: str) -> str:
    """Joins the lines of paragraphs, which services break anywhere."""
    return "\n\n".join(
        " ".join(part.split()) for part in re.split(r"\n\s*\n", clean(text)) if part.strip()
    )


def _unfit(tree: Element) -> Unreadable:
    return Unreadable(f"is <{tree.tag[:40]}>, not what was requested")
