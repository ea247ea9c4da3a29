"""Measures the report that is written without a model: ``python -m tests.bench.evidence [--set NAME] [--every N]``.

All goes through the public functions: documents are put into an index, questions are asked of it, sentences are picked.

- *Kept*: the mean share of a question's gold sentences that a report of 5 and of 10 sentences holds (at least half of their
  characters are quoted), and the share of questions whose answer string stands in what is quoted.
- *Precision*: the mean share of the sentences that come from a gold document; a report of no sentence counts 0.
- *Answered*: the share of questions that are not turned away, asked of their own documents and of another set's.
- *Says that it answers*: of the reports on a set's own questions and on another set's, how many say so; and in how many of those the
  answer string stands in the answer and in the report (:mod:`sentient_kernel.agents.coverage`).
- *Disagreements* and *merged* count questions with any; the sets do not say which are right.
- *AUC*: how well the support score tells gold evidence from other sentences, and claims that evidence contradicts.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentient_kernel.agents._words import words
from sentient_kernel.agents.evidence import Evidence, select
from sentient_kernel.agents.plan import plan
from sentient_kernel.agents.report import Citation
from sentient_kernel.agents.support import supported
from sentient_kernel.agents.verify import likeness
from sentient_kernel.agents.write import write
from sentient_kernel.index.chunk import sentences
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Passage
from tests.bench import _data
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
ALIEN = ("tungsten", "Reykjavik", "saxophone", "Bulgaria", "telescope", "cinnamon", "Fibonacci", "submarine", "llama", "Toyota")
"""Words that stand for a detail which the documents do not hold."""

Rows = list[tuple[dict[str, Any], list[Passage]]]


def asked(index: Index, name: str, every: int) -> Rows:
    """Returns every n-th question of a set with the passages found for it."""
    return [(question, index.search(question["text"], k=PASSAGES)) for question in _data.queries(name)[::every]]


def kept_gold(question: Mapping[str, Any], chosen: Sequence[Evidence], texts: Mapping[str, str]) -> float:
    """Returns the share of a question's gold sentences that are quoted."""
    gold = [(uri, text.strip()) for uri, text in question["gold_sents"]]
    found = 0
    for uri, text in gold:
        at = texts[uri].find(text)
        quoted = sum(max(0, min(at + len(text), one.end) - max(at, one.start)) for one in chosen if one.uri == uri)
        found += quoted >= len(text) / 2
    return found / len(gold)


def kept_answer(question: Mapping[str, Any], chosen: Sequence[Evidence | Citation]) -> bool:
    """Tells whether an answer string stands in what is quoted, neighbouring sentences joined."""
    said = " ".join(" ".join(words(one.quote)) for one in sorted(chosen, key=lambda one: (one.uri, one.start)))
    return any(" ".join(words(answer)) in said for answer in question["answers"] if words(answer))


def keep(name: str, rows: Rows) -> None:
    """Prints what reports of 5 and 10 sentences hold; fails when a quote does not stand at its place."""
    texts = {document["id"]: document["text"] for document in _data.docs(name)}
    for limit in LIMITS:
        gold, answers, precision, count = [], [], [], []
        cpu = time.process_time()
        picked = [select(question["text"], passages, limit=limit) for question, passages in rows]
        cpu = time.process_time() - cpu
        for (question, _), chosen in zip(rows, picked, strict=True):
            assert all(texts[one.uri][one.start : one.end] == one.quote for one in chosen)
            if question.get("gold_sents"):
                gold.append(kept_gold(question, chosen, texts))
            if question.get("answers") and name != "hotpotqa_train100":
                answers.append(kept_answer(question, chosen))
            right = sum(one.uri in question["gold"] for one in chosen)
            precision.append(right / len(chosen) if chosen else 0.0)
            count.append(len(chosen))
        shown = [f"gold sentences {statistics.fmean(gold):.3f}"] if gold else []
        shown += [f"answer string {statistics.fmean(answers):.3f}"] if answers else []
        print(
            f"{name:18} {limit:2} sentences: {'  '.join(shown)}  precision {statistics.fmean(precision):.3f}"
            f"  used {statistics.fmean(count):.1f}  CPU {1000 * cpu / len(rows):.1f} ms a question",
            flush=True,
        )


def answered(label: str, rows: Rows) -> float:
    """Prints and returns the share of questions that are not turned away."""
    share = statistics.fmean(supported(question["text"], passages).ok for question, passages in rows)
    print(f"{label:42} answered {share:.3f}  turned away {1 - share:.3f}  ({len(rows)} questions)", flush=True)
    return share


def with_alien_detail(index: Index, name: str, every: int) -> None:
    """Prints what becomes of questions in which one telling word is replaced by one that no document is about."""
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
    print(f"{name + ', one detail replaced':42} turned away {turned / total:.3f}  missing word named {named / total:.3f}", flush=True)


def report(name: str, rows: Rows) -> None:
    """Prints what whole reports look like."""
    texts = {document["id"]: document["text"] for document in _data.docs(name)}
    disagreeing = merged = abstained = claims = supported_claims = 0
    for question, passages in rows:
        parts = plan(question["text"])
        made = write(question["text"], parts, select(question["text"], passages), found={0: passages})
        made = made.checked({one.document: texts[one.uri] for one in passages}.get)
        disagreeing += bool(made.disagreements)
        abstained += made.abstained
        merged += any(len(claim.citations) > 1 for claim in made.claims)
        claims += len(made.claims)
        supported_claims += sum(claim.verdict == "supported" for claim in made.claims)
    print(
        f"{name:18} reports {len(rows)}: sentences {claims / len(rows):.1f}  supported {supported_claims / max(1, claims):.3f}"
        f"  abstaining {abstained}  with merged statements {merged}  with disagreements {disagreeing}",
        flush=True,
    )


def says_so(label: str, rows: Rows, every_answer: bool) -> None:
    """Prints how many reports say that they answer the question, and how many of those hold the answer."""
    sure: list[tuple[bool, bool]] = []
    for question, passages in rows:
        parts = plan(question["text"])
        made = write(question["text"], parts, select(question["text"], passages), found={0: passages})
        if made.coverage.level == "all":
            lead = [one for claim in made.claims if claim.lead for one in claim.citations]
            sure.append((kept_answer(question, lead), kept_answer(question, made.citations)) if every_answer else (False, False))
    right = ""
    if every_answer and sure:
        lead, whole = (statistics.fmean(column) for column in zip(*sure, strict=True))
        right = f"  answer in it {lead:.3f}, in the report {whole:.3f}"
    print(f"{label:42} says that it answers {len(sure) / len(rows):.3f}{right}", flush=True)


def auc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Returns how often a good one scores above a bad one, ties counted half."""
    return sum((one > other) + 0.5 * (one == other) for one in good for other in bad) / (len(good) * len(bad))


def support(rows: Rows, score: Callable[[str, str], float] = likeness) -> None:
    """Prints how well the support score tells evidence apart, on SciFact's claims."""
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
    for label, others in (
        ("other sentences of its abstract", near),
        ("best sentences of wrong passages", far),
        ("gold evidence that contradicts", contradicts),
    ):
        print(f"support score, gold against {label:34} AUC {auc(supports, others):.3f} ({len(supports)} : {len(others)})", flush=True)


def _sentences(passage: Passage) -> list[str]:
    return [passage.text[a:b] for a, b in sentences(passage.text)]


def main(arguments: list[str] | None = None) -> int:
    """Prints all figures, or those of one set."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.evidence")
    parser.add_argument("--set", choices=_data.SETS, action="append")
    parser.add_argument("--every", type=int, default=1, help="take every n-th question only")
    given = parser.parse_args(arguments)
    if not _data.available():
        print(f"There are no measuring sets in {_data.folder()}; set SENTIENT_BENCH_DATA.", file=sys.stderr)
        return 2
    for name in given.set or _data.SETS:
        with index_of(name) as index:
            rows = asked(index, name, given.every)
            if name in KEPT:
                keep(name, rows)
            report(name, rows)
            answered(name, rows)
            says_so(name, rows, name in ("covidqa", "xquad_en"))
            for other in STRANGERS.get(name, ()):
                strangers = asked(index, other, given.every)
                answered(f"{other} asked of {name}", strangers)
                says_so(f"{other} asked of {name}", strangers, False)
            if name == "xquad_en":
                with_alien_detail(index, name, given.every)
            if name == "scifact":
                support(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
