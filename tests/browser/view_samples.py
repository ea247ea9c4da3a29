"""States of the views as the kernel sends them: a research on soil with its report, events,
questions, errors and sources.
"""

from __future__ import annotations

from typing import Any

from view_kit import NOW, approval, keyed_by, run_state

State = dict[str, Any]
KINDS = (
    "step_started",
    "step_completed",
    "progress_updated",
    "source_reported",
    "step_retried",
    "step_failed",
)
HOSTILE = (
    '<img src="https://evil.example/x"'
    ' onerror="window.hacked=1"><script>window.hacked=1</script>\u202egnp.exe'
)
"""Markup, a request, and an override of the writing direction."""
OURS = frozenset({"status", "sign", "colour", "id", "run", "digest", "verdict"})
"""Keys whose values no outside text can reach."""


def citation(n: int, title: str, quote: str, **changes: Any) -> State:
    """Returns a verified citation."""
    row = {
        "n": n,
        "document": f"d{n}",
        "title": title,
        "uri": f"https://example.org/{n}",
        "start": 1_200 * n,
        "end": 1_200 * n + len(quote),
        "quote": quote,
        "before": "",
        "after": "",
        "source": "papers/",
        "placed": True,
        "verified": True,
    }
    return row | changes


def claim(text: str, *citations: int, **changes: Any) -> State:
    """Returns a supported sentence."""
    return {
        "text": text,
        "verdict": "supported",
        "citations": list(citations),
        "part": 0,
        "reason": "",
        "lead": False,
    } | changes


def report(**changes: Any) -> State:
    """Returns a report with six citations, one of which does not carry its sentence."""
    whole = {
        "question": (
            "Does adding biochar to sandy soil raise its water-holding capacity, and for how long?"
        ),
        "answer": "Yes.",
        "abstained": False,
        "parts": [
            "",
            "How much does biochar change plant-available water in sand?",
            "How long does the effect last in the field?",
        ],
        "claims": [
            claim(
                "In coarse soils, biochar raised available water by about 45% on average, against"
                " 14% in fine soils.",
                1,
                4,
                lead=True,
            ),
            claim(
                "Nine years after a single application the difference was still measurable.",
                3,
                lead=True,
            ),
            claim("The gain grows with dose up to roughly 2% by mass.", 2, part=1),
            claim(
                "Above that the curve flattens, and one trial saw a decline at 8%.", 2, 5, part=1
            ),
            claim(
                "Ten tonnes per hectare, spread once, were still measurable nine years later.",
                3,
                part=2,
            ),
            claim(
                "It will probably persist for decades.",
                6,
                part=2,
                verdict="unsupported",
                reason="The quote speaks of nine years.",
            ),
        ],
        "citations": [
            citation(
                1,
                "Meta-analysis of biochar and soil water, 2020",
                "available water content increased by 45% on average",
                before=(
                    "Each group was weighed by its number of replicates. For the coarse-textured"
                    " group, "
                ),
                after=", whereas for fine-textured soils the increase was 14%.",
            ),
            citation(
                2,
                "Dose response in a sandy loam",
                "Water retention rose with dose up to 2% (w/w)",
                after="and levelled off beyond.",
            ),
            citation(
                3,
                "Nine years after: a field trial",
                "still differed nine years after",
                before="Plots that were treated once ",
            ),
            citation(
                4,
                "Review of field evidence, 2019",
                "coarse soils gain three times as much as fine ones",
            ),
            citation(5, "High doses of biochar in sand", "at 8% retention fell below the control"),
            citation(
                6,
                "Long-term plots, interim report",
                "no trend over nine years",
                verified=False,
                uri="papers/long-term.pdf",
            ),
        ],
        "unanswered": [
            {
                "question": "What does it cost per hectare?",
                "reason": "No source answers it.",
                "sources": [
                    ["papers/", "holds nothing on it"],
                    ["web (SearXNG)", "rate limited, again in 20 s"],
                ],
            }
        ],
        "disagreements": [
            {
                "kind": "direction",
                "why": "Whether fine biochar holds more water than coarse biochar.",
                "sides": [
                    claim("Fine particles held more water in two trials.", 2),
                    claim("Coarse particles held more in a third.", 5),
                ],
            }
        ],
        "coverage": "all",
        "facts": [
            "answers both parts",
            "6 of 6 quotes stand at their place",
            "1 sentence unsupported",
        ],
    }
    return whole | changes


def source(name: str, i: int, **changes: Any) -> State:
    """Returns a source that gave passages."""
    row = {
        "source": name,
        "i": i,
        "asked": 4,
        "found": 11,
        "documents": 48,
        "refusals": 0,
        "reason": "",
        "query": "biochar water retention sand",
        "refused": [],
        "holds": "48 documents",
        "gave": "11 passages",
        "why": "",
    }
    return row | changes


def done(**changes: Any) -> State:
    """Returns a finished research with its report and its sources."""
    refused = [
        ["papers/scan.pdf", "It has no text, only pictures."],
        ["https://example.org/busy", "503: the server is overloaded"],
    ]
    sources = [
        source("papers/", 0, refusals=2, refused=refused),
        source(
            "OpenAlex",
            1,
            documents=0,
            found=7,
            gave="7 passages",
            query="biochar aging field years",
        ),
        source(
            "web (SearXNG)",
            2,
            documents=0,
            found=0,
            gave="nothing",
            why="Rate limited, again in 20 s.",
            query="biochar cost hectare",
        ),
    ]
    state = {
        "status": "completed",
        "word": "Done",
        "sign": "✓",
        "colour": "ok",
        "ended": NOW,
        "seconds": 220.0,
        "cost": "$0.12",
        "report": report(),
        "sources": keyed_by(sources, "source"),
    }
    return run_state(**state | changes)


def rows(first: int, last: int) -> list[list[Any]]:
    """Returns events from one seq to another, the last included; forty steps take turns."""
    return [
        [
            seq,
            NOW - (last - seq) * 37,
            KINDS[seq % 6],
            f"read#{seq % 40}",
            f"read review, chapter {seq % 97}, {seq}",
        ]
        for seq in range(first, last + 1)
    ]


def events(last: int = 300, **changes: Any) -> State:
    """Returns a view "events" of a run."""
    return {"run": done()["run"], "events": rows(1, last), "dropped": 0} | changes


def inbox() -> State:
    """Returns three open questions of two runs, and three answered ones."""
    asked = [
        approval({"questions": ["How much?", "How long?"]}, id="a1", requested=NOW - 9_000),
        approval(
            {"usd": 0.5},
            id="a2",
            ask="spend",
            question="Spend up to $0.50 more?",
            requested=NOW - 7_000,
        ),
        approval(
            ["results/a.csv"],
            id="a3",
            run="r2",
            ask="effect",
            question="Write into results/?",
            title="Clean the sensor data",
        ),
        approval(
            None,
            id="a4",
            question="Read 40 pages?",
            status="approved",
            by="ada",
            decided=NOW - 100_000,
        ),
        approval(
            None,
            id="a5",
            question="Use the shell?",
            status="rejected",
            by="grace",
            decided=NOW - 300_000,
            reason="too risky",
        ),
        approval(
            {"n": 1},
            id="a6",
            question="Fetch it?",
            status="edited",
            by="ada",
            decided=NOW - 400_000,
            answer={"n": 2},
        ),
    ]
    return {"approvals": keyed_by(asked, "id"), "runs": {}}


def error(i: int, kind: str, message: str, **changes: Any) -> State:
    """Returns a group of errors."""
    row = {
        "fingerprint": f"f{i}",
        "i": i,
        "type": kind,
        "message": message,
        "hint": "",
        "code": "error",
        "where": "sources/web.py:88 search",
        "count": 1,
        "first": NOW - 3_000_000,
        "last": NOW - 12_000,
        "runs": ["0199f0aa"],
        "frames": ["step.py:10 run", "web.py:88 search"],
    }
    return row | changes


def errors() -> State:
    """Returns two kinds of errors, six in all."""
    groups = [
        error(
            0,
            "httpx.RateLimited",
            "SearXNG answered 429",
            count=5,
            runs=["r1", "r2"],
            hint="Wait 20 s.",
        ),
        error(
            1,
            "sentient_kernel.errors.ParseError",
            "page is not valid HTML",
            last=NOW - 540_000,
            where="sources/parse.py:120 page",
        ),
    ]
    stats = {
        "total": 6,
        "unique": 2,
        "evicted": 0,
        "by_type": [["httpx.RateLimited", 5], ["sentient_kernel.errors.ParseError", 1]],
        "per_minute": [[NOW - 540_000, 1], [NOW - 60_000, 5]],
    }
    failure = {"run": "r1", "type": "httpx.RateLimited", "message": "SearXNG answered 429"}
    recent = [failure | {"seq": seq, "at": NOW - 10_000 + seq * 1_000} for seq in (7, 9)]
    return {"errors": keyed_by(groups, "fingerprint"), "stats": stats, "recent": recent}


SAMPLES = {"report": done, "sources": done, "events": events, "inbox": inbox, "errors": errors}
"""For each view a state that fills it."""


def hostile(value: Any, key: str = "") -> Any:
    """Returns a state in which every text that may come from outside is hostile."""
    if isinstance(value, dict):
        return {name: hostile(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [hostile(part, key) for part in value]
    if not isinstance(value, str) or key in OURS:
        return value
    return "javascript:window.hacked=1//" + value if key == "uri" else f"{value} {HOSTILE}"
