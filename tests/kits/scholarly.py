"""arXiv, OpenAlex, Crossref and PubMed in the shapes that they really have, over the papers of a
fake web.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from sentient_kernel.testing.server import HttpRequest
from sentient_kernel.testing.web_services import Article, HttpReply, as_json, best, number

if TYPE_CHECKING:
    from tests.kits.services_web import ServicesWeb

__all__ = ["SERVICES", "Paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper(Article):
    """A paper, with what the scholarly services know of it: its text is its abstract. Authors are
    written "Given Family"; an empty id means: not there.
    """

    number: int = 1
    authors: tuple[str, ...] = ("Ada Example", "Ben Sample")
    year: int = 2021
    doi: str = ""
    arxiv: str = ""
    pmid: str = ""
    venue: str = "Journal of Samples"
    licence: str = "https://creativecommons.org/licenses/by/4.0/"

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


def _arxiv(web: ServicesWeb, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest != "api/query":
        return None
    wanted, most = (
        request.query.get("search_query", ""),
        number(request.query.get("max_results"), 10),
    )
    if ids := request.query.get("id_list"):
        asked = [one.partition("v")[0] for one in ids.split(",")]
        found = [paper for paper in web.papers if paper.the_arxiv in asked]
    else:
        plain = re.sub(r"\b(?:all|ti|abs|au|cat|co|jr):|\b(?:AND|OR|ANDNOT)\b", " ", wanted)
        found = [paper for paper, _ in best(web.papers, plain, most)]
    start = number(request.query.get("start"), 0)
    feed = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom">\n  <title>arXiv Query:'
        f" search_query={escape(wanted)}&amp;id_list=&amp;start={start}"
        f"&amp;max_results={most}</title>\n"
        "  <id>http://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>\n "
        " <updated>2024-01-01T00:00:00-05:00</updated>\n "
        f" <opensearch:totalResults>{len(found)}</opensearch:totalResults>\n "
        f" <opensearch:startIndex>{start}</opensearch:startIndex>\n "
        f" <opensearch:itemsPerPage>{most}</opensearch:itemsPerPage>\n"
    )
    return HttpReply(
        (feed + "".join(map(_entry, found)) + "</feed>\n").encode(),
        "application/atom+xml; charset=utf-8",
    )


def _entry(paper: Paper) -> str:
    at = f"http://arxiv.org/abs/{paper.the_arxiv}v1"
    date = f"{paper.year}-01-15T12:00:00Z"
    authors = "".join(
        f"    <author>\n      <name>{escape(name)}</name>\n    </author>\n"
        for name in paper.authors
    )
    wrapped = re.sub(r"(.{1,78})(?:\s|$)", r"\1\n", escape(paper.text)).strip()
    return (
        f"  <entry>\n    <id>{at}</id>\n    <updated>{date}</updated>\n   "
        f" <published>{date}</published>\n"
        f"    <title>{escape(paper.title)}</title>\n    <summary>  {wrapped}\n</summary>\n{authors}"
        f"    <arxiv:doi>{escape(paper.the_doi)}</arxiv:doi>\n    <arxiv:comment>5"
        " pages</arxiv:comment>\n"
        f'    <link href="{at}" rel="alternate" type="text/html"/>\n'
        f'    <link title="pdf" href="{at.replace("/abs/", "/pdf/")}" rel="related"'
        ' type="application/pdf"/>\n'
        '    <arxiv:primary_category term="cs.DL" scheme="http://arxiv.org/schemas/atom"/>\n'
        '    <category term="cs.DL" scheme="http://arxiv.org/schemas/atom"/>\n  </entry>\n'
    )


def _openalex(web: ServicesWeb, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest != "works":
        return None
    most = number(request.query.get("per-page") or request.query.get("per_page"), 25)
    asked = request.query.get("search") or request.query.get("filter", "").partition(":")[2]
    found = best(web.papers, asked, most)
    meta = {
        "count": len(found),
        "db_response_time_ms": 20,
        "page": 1,
        "per_page": most,
        "groups_count": None,
    }
    return as_json(
        {"meta": meta, "results": [_work(paper, score) for paper, score in found], "group_by": []}
    )


def _work(paper: Paper, score: float) -> dict[str, Any]:
    places: dict[str, list[int]] = {}
    for place, word in enumerate(paper.text.split()):
        places.setdefault(word, []).append(place)
    location = {
        "is_oa": True,
        "landing_page_url": f"https://doi.org/{paper.the_doi}",
        "pdf_url": None,
        "license": "cc-by" if paper.licence else None,
        "source": {"id": "https://openalex.org/S1", "display_name": paper.venue, "type": "journal"},
    }
    return {
        "id": f"https://openalex.org/W{4_000_000_000 + paper.number}",
        "doi": f"https://doi.org/{paper.the_doi}",
        "title": paper.title,
        "display_name": paper.title,
        "relevance_score": score * 100,
        "publication_year": paper.year,
        "publication_date": f"{paper.year}-01-15",
        "language": "en",
        "type": "article",
        "primary_location": location,
        "best_oa_location": location,
        "open_access": {
            "is_oa": True,
            "oa_status": "gold",
            "oa_url": f"https://doi.org/{paper.the_doi}",
        },
        "authorships": [
            {
                "author_position": "middle",
                "author": {"id": "https://openalex.org/A1", "display_name": name, "orcid": None},
            }
            for name in paper.authors
        ],
        "cited_by_count": 7,
        "is_retracted": False,
        "abstract_inverted_index": places or None,
    }


def _crossref(web: ServicesWeb, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest.startswith("works/"):
        found = next(
            (paper for paper in web.papers if paper.the_doi == rest.removeprefix("works/")), None
        )
        if found is None:
            return HttpReply(b"Resource not found.", "text/plain;charset=utf-8", 404)
        return as_json(
            {
                "status": "ok",
                "message-type": "work",
                "message-version": "1.0.0",
                "message": _item(found, 1.0),
            }
        )
    if rest != "works":
        return None
    query = request.query.get("query.bibliographic") or request.query.get("query", "")
    most = number(request.query.get("rows"), 20)
    items = [_item(paper, score) for paper, score in best(web.papers, query, most)]
    about = {
        "facets": {},
        "total-results": len(items),
        "items-per-page": most,
        "query": {"start-index": 0, "search-terms": query},
    }
    return as_json(
        {
            "status": "ok",
            "message-type": "work-list",
            "message-version": "1.0.0",
            "message": {**about, "items": items},
        }
    )


def _item(paper: Paper, score: float) -> dict[str, Any]:
    authors: list[dict[str, Any]] = [
        {
            "given": given,
            "family": family,
            "sequence": "additional" if place else "first",
            "affiliation": [],
        }
        for place, (given, _, family) in enumerate(name.rpartition(" ") for name in paper.authors)
    ]
    item: dict[str, Any] = {
        "DOI": paper.the_doi,
        "URL": f"https://doi.org/{paper.the_doi}",
        "type": "journal-article",
        "title": [paper.title],
        "container-title": [paper.venue],
        "publisher": "Sample Press",
        "author": authors,
        "issued": {"date-parts": [[paper.year, 1, 15]]},
        "published": {"date-parts": [[paper.year, 1, 15]]},
        "is-referenced-by-count": 7,
        "score": score * 30,
        "language": "en",
    }
    if paper.text:
        item["abstract"] = f"<jats:title>Abstract</jats:title><jats:p>{escape(paper.text)}</jats:p>"
    if paper.licence:
        start = {"date-parts": [[paper.year, 1, 15]]}
        item["license"] = [
            {"URL": paper.licence, "start": start, "delay-in-days": 0, "content-version": "vor"}
        ]
    return item


def _pubmed(web: ServicesWeb, request: HttpRequest, rest: str) -> HttpReply | None:
    name = rest.rpartition("/")[2]
    if name == "esearch.fcgi":
        most = number(request.query.get("retmax"), 20)
        ids = [paper.the_pmid for paper, _ in best(web.papers, request.query.get("term", ""), most)]
        result: dict[str, Any] = {
            "count": str(len(ids)),
            "retmax": str(most),
            "retstart": "0",
            "idlist": ids,
            "translationset": [],
        }
        if not ids:
            result["errorlist"] = {
                "phrasesnotfound": [request.query.get("term", "")],
                "fieldsnotfound": [],
            }
        return as_json({"header": {"type": "esearch", "version": "0.3"}, "esearchresult": result})
    wanted = request.query.get("id", "").split(",")
    found = [paper for paper in web.papers if paper.the_pmid in wanted]
    if name == "esummary.fcgi":
        result = {"uids": [paper.the_pmid for paper in found]}
        result |= {paper.the_pmid: _pubmed_summary(paper) for paper in found}
        return as_json({"header": {"type": "esummary", "version": "0.3"}, "result": result})
    if name == "efetch.fcgi":
        doctype = (
            '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2024//EN" '
        )
        doctype += '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_240101.dtd">'
        articles = "".join(map(_pubmed_article, found))
        body = (
            '<?xml version="1.0"'
            f" ?>\n{doctype}\n<PubmedArticleSet>\n{articles}</PubmedArticleSet>\n"
        )
        return HttpReply(body.encode(), "text/xml; charset=UTF-8")
    return None


def _pubmed_summary(paper: Paper) -> dict[str, Any]:
    return {
        "uid": paper.the_pmid,
        "pubdate": f"{paper.year} Jan 15",
        "source": paper.venue,
        "authors": [
            {"name": name, "authtype": "Author", "clusterid": ""} for name in paper.authors
        ],
        "title": f"{paper.title}.",
        "fulljournalname": paper.venue,
        "articleids": [
            {"idtype": "pubmed", "idtypen": 1, "value": paper.the_pmid},
            {"idtype": "doi", "idtypen": 3, "value": paper.the_doi},
        ],
    }


def _pubmed_article(paper: Paper) -> str:
    authors = ""
    for name in paper.authors:
        given, _, family = name.rpartition(" ")
        names = f"<LastName>{escape(family)}</LastName><ForeName>{escape(given)}</ForeName>"
        names += f"<Initials>{escape(given[:1])}</Initials>"
        authors += f'<Author ValidYN="Y">{names}</Author>'
    first, _, rest = paper.text.partition(". ")
    parts = (
        '<AbstractText Label="BACKGROUND"'
        f' NlmCategory="BACKGROUND">{escape(first)}{"." if rest else ""}</AbstractText>'
    )
    if rest:
        parts += (
            f'<AbstractText Label="RESULTS" NlmCategory="RESULTS">{escape(rest)}</AbstractText>'
        )
    abstract = f"<Abstract>{parts}</Abstract>" if paper.text else ""
    date = f"<PubDate><Year>{paper.year}</Year><Month>Jan</Month><Day>15</Day></PubDate>"
    return (
        '<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID'
        f' Version="1">{paper.the_pmid}</PMID>'
        '<Article PubModel="Print"><Journal><JournalIssue'
        f' CitedMedium="Internet">{date}</JournalIssue>'
        f"<Title>{escape(paper.venue)}</Title></Journal>"
        f"<ArticleTitle>{escape(paper.title)}.</ArticleTitle>{abstract}"
        f'<AuthorList CompleteYN="Y">{authors}</AuthorList>'
        "<Language>eng</Language></Article></MedlineCitation>"
        f'<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{paper.the_pmid}</ArticleId>'
        f'<ArticleId IdType="doi">{escape(paper.the_doi)}</ArticleId>'
        "</ArticleIdList></PubmedData></PubmedArticle>\n"
    )


SERVICES = {"arxiv": _arxiv, "openalex": _openalex, "crossref": _crossref, "pubmed": _pubmed}
