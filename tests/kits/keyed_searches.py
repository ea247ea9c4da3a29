"""Tavily and Brave in the shapes that they really have, over what a fake web holds."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from sentient_kernel.testing.server import HttpRequest
from sentient_kernel.testing.web import FakeWeb
from sentient_kernel.testing.web_services import HttpReply, as_json, best, number, snippet

__all__ = ["KEY", "SERVICES"]

KEY = "key-of-the-fake-web"
"""The key that both want here."""


def _tavily(web: FakeWeb, request: HttpRequest, rest: str) -> HttpReply | None:
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
            "content": snippet(text.text),
            "score": score,
            "raw_content": f"{text.title}\n\n{text.text}" if raw else None,
        }
        for text, score in best(web.articles, asked["query"], int(asked.get("max_results", 5)))
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


def _brave(web: FakeWeb, request: HttpRequest, rest: str) -> HttpReply | None:
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
                r"(\w{5,})", r"<strong>\1</strong>", escape(snippet(text.text)), count=1
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
        for text, _ in best(web.articles, query, min(20, number(request.query.get("count"), 20)))
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


SERVICES = {"tavily": _tavily, "brave": _brave}
