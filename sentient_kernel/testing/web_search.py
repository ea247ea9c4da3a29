"""Web searches and Wikipedia in the shapes that they really have, over what a
:class:`sentient_kernel.testing.FakeWeb` holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from sentient_kernel.testing.web_kit import (
    Article,
    Contents,
    HttpReply,
    as_json,
    best,
    html,
    number,
)

if TYPE_CHECKING:
    from sentient_kernel.testing.server import HttpRequest

__all__ = ["KEY", "SERVICES"]

KEY = "key-of-the-fake-web"
"""The key that Tavily and Brave want here."""


def _articles(web: Contents) -> list[Article]:
    return [text for text in web.texts if not text.wiki]


def _snippet(text: str) -> str:
    return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " ..."


def _searxng(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest not in ("", "search"):
        return None
    form = dict(request.query) | dict(parse_qsl(request.body.decode("utf-8", "replace")))
    query = form.get("q", "")
    if form.get("format", "html") != "json":
        return HttpReply(
            b"<html><body><main id='main_results'></main></body></html>", "text/html; charset=utf-8"
        )
    if not web.json:
        page = (
            b"<!doctype html>\n<html lang=en>\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>\n"
        )
        return HttpReply(page, "text/html; charset=utf-8", 403)
    results = [
        {
            "url": web.url + text.path,
            "title": text.title,
            "content": _snippet(text.text),
            "publishedDate": f"{text.date}T00:00:00" if text.date else None,
            "thumbnail": "",
            "engine": "bing",
            "template": "default.html",
            "parsed_url": [*urlsplit(web.url + text.path)[:3], "", "", ""],
            "img_src": "",
            "priority": "",
            "engines": ["bing", "duckduckgo"],
            "positions": [place],
            "score": score,
            "category": "general",
        }
        for place, (text, score) in enumerate(best(_articles(web), query, 10), 1)
    ]
    empty: dict[str, Any] = {"answers": [], "corrections": [], "infoboxes": [], "suggestions": []}
    more = {"unresponsive_engines": [["google", "Suspended: too many requests"]]}
    return as_json({"query": query, "number_of_results": 0, "results": results, **empty, **more})


def _tavily(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest != "search" or request.method != "POST":
        return None
    asked = json.loads(request.body or b"{}")
    if (
        request.headers.get("authorization", "").removeprefix("Bearer ") != KEY
        and asked.get("api_key") != KEY
    ):
        return as_json({"detail": {"error": "Unauthorized: missing or invalid API key."}}, 401)
    if not asked.get("query"):
        return as_json(
            {"detail": [{"type": "missing", "loc": ["body", "query"], "msg": "Field required"}]},
            422,
        )
    raw = asked.get("include_raw_content")
    results = [
        {
            "url": web.url + text.path,
            "title": text.title,
            "content": _snippet(text.text),
            "score": score,
            "raw_content": f"{text.title}\n\n{text.text}" if raw else None,
        }
        for text, score in best(_articles(web), asked["query"], int(asked.get("max_results", 5)))
    ]
    about = {"query": asked["query"], "follow_up_questions": None, "answer": None, "images": []}
    return as_json(
        {
            **about,
            "results": results,
            "response_time": 0.42,
            "request_id": "00000000-0000-4000-8000-000000000000",
        }
    )


def _brave(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    if rest != "res/v1/web/search":
        return None
    if request.headers.get("x-subscription-token") != KEY:
        detail = "The provided subscription token is invalid."
        error = {
            "id": "0",
            "status": 422,
            "code": "SUBSCRIPTION_TOKEN_INVALID",
            "detail": detail,
            "meta": {},
        }
        return as_json({"type": "ErrorResponse", "error": error, "time": 1_700_000_000}, 422)
    query = request.query.get("q", "")
    results = [
        {
            "title": text.title,
            "url": web.url + text.path,
            "is_source_local": False,
            "is_source_both": False,
            "description": re.sub(
                r"(\w{5,})", r"<strong>\1</strong>", escape(_snippet(text.text)), count=1
            ),
            "language": "en",
            "family_friendly": True,
            "type": "search_result",
            "subtype": "generic",
            "meta_url": {
                "scheme": "http",
                "netloc": web.host,
                "hostname": "127.0.0.1",
                "favicon": "",
                "path": f"› {text.path}",
            },
            **({"page_age": f"{text.date}T00:00:00"} if text.date else {}),
        }
        for text, _ in best(_articles(web), query, min(20, number(request.query.get("count"), 20)))
    ]
    about = {
        "original": query,
        "show_strict_warning": False,
        "is_navigational": False,
        "more_results_available": False,
    }
    body: dict[str, Any] = {"query": about, "type": "search"}
    if results:  # without any, the real one leaves the key out
        body["web"] = {"type": "search", "results": results, "family_friendly": True}
    return as_json(body)


def _wikipedia(web: Contents, request: HttpRequest, rest: str) -> HttpReply | None:
    texts = {
        text.title: (at, text)
        for at, text in enumerate((text for text in web.texts if text.wiki), 1_001)
    }
    if rest == "w/api.php":
        return as_json(_mediawiki(web, texts, request.query))
    for prefix, shape in (
        ("api/rest_v1/page/summary/", _summary),
        ("api/rest_v1/page/html/", _page_html),
    ):
        if rest.startswith(prefix):
            found = texts.get(rest.removeprefix(prefix).replace("_", " "))
            if found is None:
                problem = {
                    "type": "Internal error",
                    "title": "Not found.",
                    "method": "get",
                    "detail": "Page or revision not found.",
                }
                return as_json(problem, 404)
            return shape(web, *found)
    return None


def _summary(web: Contents, page: int, text: Article) -> HttpReply:
    spelled = quote(text.title.replace(" ", "_"))
    return as_json(
        {
            "type": "disambiguation" if text.disambiguation else "standard",
            "title": text.title,
            "displaytitle": f'<span class="mw-page-title-main">{escape(text.title)}</span>',
            "namespace": {"id": 0, "text": ""},
            "titles": {
                "canonical": text.title.replace(" ", "_"),
                "normalized": text.title,
                "display": escape(text.title),
            },
            "pageid": page,
            "lang": "en",
            "dir": "ltr",
            "revision": str(9_000_000 + page),
            "timestamp": "2024-01-01T00:00:00Z",
            "content_urls": {"desktop": {"page": f"{web.url}/wikipedia/wiki/{spelled}"}},
            "extract": text.text.split("\n\n")[0],
            "extract_html": f"<p>{escape(text.text.split(chr(10) * 2)[0])}</p>",
        }
    )


def _page_html(_: Contents, page: int, text: Article) -> HttpReply:
    return HttpReply(
        html(text).encode(),
        "text/html; charset=utf-8; profile='https://www.mediawiki.org/wiki/Specs/HTML/2.8.0'",
    )


def _mediawiki(
    web: Contents, texts: dict[str, tuple[int, Article]], query: Mapping[str, str]
) -> dict[str, Any]:
    """Answers ``action=query``: a list of search results, a search as generator, or pages by title,
    in either format version.
    """
    modern = query.get("formatversion") == "2"
    done: dict[str, Any] = {"batchcomplete": True if modern else ""}
    if "srsearch" in query:
        found = best(
            [text for _, text in texts.values()],
            query["srsearch"],
            number(query.get("srlimit"), 10),
        )
        hits = [
            {
                "ns": 0,
                "title": text.title,
                "pageid": texts[text.title][0],
                "size": len(text.text),
                "wordcount": len(text.text.split()),
                "snippet": (
                    f'<span class="searchmatch">{escape(text.title)}</span>'
                    f" {escape(_snippet(text.text))}"
                ),
                "timestamp": "2024-01-01T00:00:00Z",
            }
            for text, _ in found
        ]
        return {**done, "query": {"searchinfo": {"totalhits": len(hits)}, "search": hits}}
    if "gsrsearch" in query:
        titles = [
            t.title
            for t, _ in best(
                [text for _, text in texts.values()],
                query["gsrsearch"],
                number(query.get("gsrlimit"), 10),
            )
        ]
        if not titles:
            return done
    else:
        titles = [title.replace("_", " ") for title in query.get("titles", "").split("|") if title]
    pages = [
        _wiki_page(web, title, texts.get(title), query, place)
        for place, title in enumerate(titles, 1)
    ]
    if modern:
        return {**done, "query": {"pages": pages}}
    return {
        **done,
        "query": {
            "pages": {str(page.get("pageid", -place)): page for place, page in enumerate(pages, 1)}
        },
    }


def _wiki_page(
    web: Contents,
    title: str,
    found: tuple[int, Article] | None,
    query: Mapping[str, str],
    place: int,
) -> dict[str, Any]:
    modern = query.get("formatversion") == "2"
    if found is None:
        return {"ns": 0, "title": title, "missing": True if modern else ""}
    at, text = found
    page: dict[str, Any] = {"pageid": at, "ns": 0, "title": title}
    if "gsrsearch" in query:
        page["index"] = place
    wanted = query.get("prop", "").split("|")
    if "extracts" in wanted:
        page["extract"] = text.text.split("\n\n")[0] if "exintro" in query else text.text
    if "info" in wanted:
        page |= {
            "pagelanguage": "en",
            "touched": "2024-01-01T00:00:00Z",
            "lastrevid": 9_000_000 + at,
            "length": len(text.text),
        }
        page["fullurl"] = f"{web.url}/wikipedia/wiki/{quote(title.replace(' ', '_'))}"
    if "pageprops" in wanted and text.disambiguation:
        page["pageprops"] = {"disambiguation": ""}
    if "revisions" in wanted:
        page["revisions"] = [
            {"revid": 9_000_000 + at, "parentid": 0, "timestamp": "2024-01-01T00:00:00Z"}
        ]
    return page


SERVICES: dict[str, Callable[[Contents, HttpRequest, str], HttpReply | None]] = {
    "searxng": _searxng,
    "tavily": _tavily,
    "brave": _brave,
    "wikipedia": _wikipedia,
}
