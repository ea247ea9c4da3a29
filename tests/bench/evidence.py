"""Measures the report that is written without a model:
``python -m tests.bench.evidence [--set NAME] [--every N]``.

All goes through the public functions: documents are put into an index, questions are asked of it,
    sentences are picked.

- *Kept*: the mean share of a question's gold sentences that a report of 5 and of 10 sentences holds
  (at least half of their characters are quoted), and the share of questions whose answer string
  stands in what is quoted.
- *Precision*: the mean share of the sentences that come from a gold document; a report of no
  sentence counts 0.
- *Answered*: the share of questions that are not turned away, asked of their own documents and of
  another set's.
- *Says that it answers*: of the reports on a set's own questions and on another set's, how many say
  so; and in how many of those the answer string stands in the answer and in the report
  (:mod:`sentient_kernel.research.coverage`).
- *Disagreements* and *merged* count questions with any; the sets do not say which are right.
- *AUC*: how well the support score tells gold evidence from other sentences, and claims that
  evidence contradicts.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.bench import _data
from tests.bench._package import (
    Citation,
    Evidence,
    Index,
    Passage,
    check_report,
    likeness,
    plan,
    select,
    sentences,
    supported,
    words,
    write,
)
from tests.bench.retrieval import index_of

PASSAGES = 10
LIMITS = (5, 10)
KEPT = ("scifact", "covidqa", "hotpotqa_train100", "xquad_en")
STRANGERS = {
    "scifact": ("xquad_en", "hotpotqa_train100"),
    "covidqa": ("xquad_en",),
    "pubmedqa_l": ("xquad_en",),
    "xquad_en": ("scifact", "covidqa", "pubmedqa_l"),
}
ALIEN = (
    "tungsten",
    "Reykjavik",
    "saxophone",
    "Bulgaria",
    "telescope",
    "cinnamon",
    "Fibonacci",
    "submarine",
    "llama",
    "Toyota",
)
"""Words that stand for a detail which the documents do not hold."""

Figures = dict[str, float]
Rows = list[tuple[dict[str, Any], list[Passage]]]


def asked(index: Index, name: str, every: int) -> Rows:
    """Returns every n-th question of a set with the passages found for it."""
    return [
        (question, index.search(question["text"], k=PASSAGES))
        for question in _data.queries(name)[::every]
    ]


def kept_gold(
    question: Mapping[str, Any], chosen: Sequence[Evidence], texts: Mapping[str, str]
) -> float:
    """Returns the share of a question's gold sentences that are quoted."""
    gold = [(uri, text.strip()) for uri, text in question["gold_sents"]]
    found = 0
    for uri, text in gold:
        at = texts[uri].find(text)
        quoted = sum(
            max(0, min(at + len(text), one.end) - max(at, one.start))
            for one in chosen
            if one.uri == uri
        )
        found += quoted >= len(text) / 2
    return found / len(gold)


def kept_answer(question: Mapping[str, Any], chosen: Sequence[Evidence | Citation]) -> bool:
    """Tells whether an answer string stands in what is quoted, neighbouring sentences joined."""
    said = " ".join(
        " ".join(words(one.quote)) for one in sorted(chosen, key=lambda one: (one.uri, one.start))
    )
    return any(" ".join(words(answer)) in said for answer in question["answers"] if words(answer))


def keep(name: str, rows: Rows) -> Figures:
    """Returns what reports of 5 and 10 sentences hold; fails when a quote does not stand at its
    place.
    """
    texts = {document["id"]: document["text"] for document in _data.docs(name)}
    figures: Figures = {}
    for limit in LIMITS:
        taken: dict[str, list[float]] = {
            "gold sentences": [],
            "answer string": [],
            "precision": [],
            "used": [],
            "CPU ms": [],
        }
        for question, passages in rows:
            cpu = time.process_time()
            chosen = select(question["text"], passages, limit=limit)
            taken["CPU ms"].append(1000 * (time.process_time() - cpu))
            assert all(texts[one.uri][one.start : one.end] == one.quote for one in chosen)
            if question.get("gold_sents"):
                taken["gold sentences"].append(kept_gold(question, chosen, texts))
            if question.get("answers") and name != "hotpotqa_train100":
                taken["answer string"].append(kept_answer(question, chosen))
            right = sum(one.uri in question["gold"] for one in chosen)
            taken["precision"].append(right / len(chosen) if chosen else 0.0)
            taken["used"].append(len(chosen))
        figures |= {
            f"{key} of {limit}": statistics.fmean(values) for key, values in taken.items() if values
        }
    return figures


def answered(rows: Rows) -> float:
    """Returns the share of questions that are not turned away."""
    return statistics.fmean(supported(question["text"], passages).ok for question, passages in rows)


def with_alien_detail(index: Index, name: str, every: int) -> Figures:
    """Returns what becomes of questions in which one telling word is replaced by one that no
    document is about.
    """
    rng = random.Random(1)  # the same questions each time
    named = turned = total = 0
    for question in _data.queries(name)[::every]:
        told = question["text"].split()
        places = [at for at, word in enumerate(told) if at and word.isalpha() and len(word) > 4]
        if not places:
            continue
        told[rng.choice(places)] = rng.choice(ALIEN)
        text = " ".join(told)
        support = supported(text, index.search(text, k=PASSAGES))
        total += 1
        turned += not support.ok
        named += bool(support.missing)
    return {
        "one detail replaced: turned away": turned / total,
        "one detail replaced: named": named / total,
    }


def report(name: str, rows: Rows) -> Figures:
    """Returns what whole reports look like."""
    texts = {document["id"]: document["text"] for document in _data.docs(name)}
    disagreeing = merged = abstained = claims = carried = 0
    for question, passages in rows:
        parts = plan(question["text"])
        made = write(
            question["text"], parts, select(question["text"], passages), found={0: passages}
        )
        made = check_report(made, {one.document: texts[one.uri] for one in passages}.get)
        disagreeing += bool(made.disagreements)
        abstained += made.abstained
        merged += any(len(claim.citations) > 1 for claim in made.claims)
        claims += len(made.claims)
        carried += sum(claim.verdict == "supported" for claim in made.claims)
    return {
        "sentences": claims / len(rows),
        "supported": carried / max(1, claims),
        "abstaining": abstained / len(rows),
        "with merged statements": merged / len(rows),
        "with disagreements": disagreeing / len(rows),
    }


def says_so(rows: Rows, every_answer: bool = False) -> Figures:
    """Returns how many reports say that they answer the question, and how many of those hold the
    answer.
    """
    sure: list[tuple[bool, bool]] = []
    silent = 0
    for question, passages in rows:
        parts = plan(question["text"])
        made = write(
            question["text"], parts, select(question["text"], passages), found={0: passages}
        )
        silent += made.abstained
        if made.coverage.level == "all":
            lead = [one for claim in made.claims if claim.lead for one in claim.citations]
            sure.append(
                (kept_answer(question, lead), kept_answer(question, made.citations))
                if every_answer
                else (False, False)
            )
    figures = {"says that it answers": len(sure) / len(rows), "abstaining": silent / len(rows)}
    if every_answer and sure:
        lead, whole = (statistics.fmean(column) for column in zip(*sure, strict=True))
        figures |= {"says so, answer in it": lead, "says so, answer in the report": whole}
    return figures


def auc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Returns how often a good one scores above a bad one, ties counted half."""
    return sum((one > other) + 0.5 * (one == other) for one in good for other in bad) / (
        len(good) * len(bad)
    )


def support(rows: Rows, score: Callable[[str, str], float] = likeness) -> Figures:
    """Returns how well the support score tells evidence apart, on SciFact's claims."""
    texts = {document["id"]: document["text"] for document in _data.docs("scifact")}
    gold: dict[str, list[float]] = {"SUPPORT": [], "CONTRADICT": []}
    near: list[float] = []
    far: list[float] = []
    for question, passages in rows:
        claim, quoted = question["text"], question.get("gold_sents") or []
        if not quoted:
            continue
        by_document: dict[str, list[str]] = {}
        for uri, text in quoted:
            by_document.setdefault(uri, []).append(text)
        for uri, found in by_document.items():
            gold[question["label"]].append(score(claim, " ".join(found)))
            rest = [texts[uri][a:b] for a, b in sentences(texts[uri])]
            rest = [text for text in rest if not any(text in one or one in text for one in found)]
            near += [score(claim, text) for text in rest]
        wrong = [one for one in passages if one.uri not in question["gold"]]
        far += [max(score(claim, text) for text in _sentences(one)) for one in wrong]
    supports, contradicts = gold["SUPPORT"], gold["CONTRADICT"]
    return {
        "AUC against other sentences of its abstract": auc(supports, near),
        "AUC against the best sentences of wrong passages": auc(supports, far),
        "AUC against gold evidence that contradicts": auc(supports, contradicts),
    }


def _sentences(passage: Passage) -> list[str]:
    return [passage.text[a:b] for a, b in sentences(passage.text)]


def figures_of(name: str, every: int) -> Figures:
    """Returns all figures of one set."""
    with index_of(name) as index:
        rows = asked(index, name, every)
        figures = keep(name, rows) if name in KEPT else {}
        figures |= report(name, rows)
        figures["answered"] = answered(rows)
        figures |= says_so(rows, name in ("covidqa", "xquad_en"))
        for other in STRANGERS.get(name, ()):
            strangers = asked(index, other, every)
            figures[f"turned away from {other}"] = 1 - answered(strangers)
            figures |= {f"{other}: {key}": value for key, value in says_so(strangers).items()}
        if name == "xquad_en":
            figures |= with_alien_detail(index, name, every)
        if name == "scifact":
            figures |= support(rows)
    return figures


def figures(every: int = 1) -> Figures:
    """Returns the figures of all sets, as the bench ``evidence`` shows them."""
    return {
        f"{name} {key}": round(value, 4)
        for name in _data.SETS
        for key, value in figures_of(name, every).items()
    }


def main(arguments: list[str] | None = None) -> int:
    """Prints all figures, or those of one set."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.evidence")
    parser.add_argument("what", nargs="?", choices=["figures"], help="print all as one JSON line")
    parser.add_argument("--set", choices=_data.SETS, action="append")
    parser.add_argument("--every", type=int, default=1, help="take every n-th question only")
    given = parser.parse_args(arguments)
    if not _data.available():
        print("SENTIENT_BENCH_DATA must be the folder of the measuring sets.", file=sys.stderr)
        return 2
    if given.what:
        print(json.dumps(figures()))
        return 0
    for name in given.set or _data.SETS:
        for key, value in figures_of(name, given.every).items():
            _data.show(name, {key: value})
    return 0


if __name__ == "__main__":
    sys.exit(main())
