"""Measures how well the index finds what answers, and how fast:
``python -m tests.bench.retrieval [--set NAME] [--ablation] [--speed]``.

All goes through the public :class:`sentient_kernel.index.store.Index`: documents are put, questions
are asked, passages come back.

- A *document* set (SciFact, MuSiQue, HotpotQA, XQuAD, PubMedQA): documents in the order of their
  best passage among the 100 first. nDCG@10 with gains of 1; R@k = share of the gold documents among
  the k first; MRR = 1 / place of the first gold one.
- COVID-QA is a set of *passages*: a hit at k is a passage among the k first that comes from the
  gold paper and touches the marked answer there; "whole" counts only passages that hold all of it.
  Touching is what a reader needs to find the place, and some answers are longer than a passage.
  Plain FTS5 over passages of 180 words gives .718 / .814 touched and .697 / .790 whole: the .715 /
  .808 of RESEARCH.md is the first reading.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench import _data
from tests.bench._package import DEFAULT, Document, Index, Passage, Weights

DEPTH = 100
SHOWN = {
    "scifact": ("nDCG@10", "R@10"),
    "covidqa": ("Hits@4", "Hits@10", "whole@4", "whole@10"),
    "musique_train100": ("R@5", "R@10"),
    "hotpotqa_train100": ("R@5", "R@10"),
    "xquad_en": ("MRR",),
    "pubmedqa_l": ("MRR",),
}
NOTHING = Weights(form=0, pairs=0, likeness=0, link=0)
ABLATION = {
    "FTS5 alone": NOTHING,
    "all": DEFAULT,
    "without form": replace(DEFAULT, form=0),
    "without pairs": replace(DEFAULT, pairs=0),
    "without likeness": replace(DEFAULT, likeness=0),
    "without link": replace(DEFAULT, link=0),
}


@contextmanager
def index_of(name: str) -> Iterator[Index]:
    """Yields an index over the documents of a set; their uri is their id."""
    with tempfile.TemporaryDirectory() as folder, Index(Path(folder) / "index.db") as index:
        index.put(name, documents(name))
        yield index


def documents(name: str) -> list[Document]:
    """Returns the documents of a set."""
    return [
        Document(title=each["title"], uri=each["id"], text=each["text"], source=name)
        for each in _data.docs(name)
    ]


def score(name: str, question: dict[str, Any], passages: list[Passage]) -> dict[str, float]:
    """Returns the measures of one question."""
    gold = set(question["gold"])
    if name == "covidqa":
        start, length = question["span"]
        own = [(at, each) for at, each in enumerate(passages) if each.uri in gold]
        touched = min(
            (at for at, each in own if each.start < start + length and start < each.end),
            default=DEPTH,
        )
        whole = min(
            (at for at, each in own if each.start <= start and start + length <= each.end),
            default=DEPTH,
        )
        return {
            "Hits@4": touched < 4,
            "Hits@10": touched < 10,
            "whole@4": whole < 4,
            "whole@10": whole < 10,
        }
    found = list(dict.fromkeys(each.uri for each in passages))
    gained = sum(1 / math.log2(at + 2) for at, uri in enumerate(found[:10]) if uri in gold)
    ideal = sum(1 / math.log2(at + 2) for at in range(min(10, len(gold))))
    return {
        "nDCG@10": gained / ideal,
        "R@5": len(gold & set(found[:5])) / len(gold),
        "R@10": len(gold & set(found[:10])) / len(gold),
        "MRR": next((1 / (at + 1) for at, uri in enumerate(found) if uri in gold), 0.0),
    }


def measure(index: Index, name: str) -> dict[str, float]:
    """Returns the means of a set's measures over its questions."""
    rows = [
        score(name, question, index.search(question["text"], k=DEPTH))
        for question in _data.queries(name)
    ]
    return {key: statistics.fmean(row[key] for row in rows) for key in SHOWN[name]}


def figures() -> dict[str, float]:
    """Returns the measures of all sets, as the bench ``retrieval`` shows them."""
    found: dict[str, float] = {}
    for name in _data.SETS:
        with index_of(name) as index:
            found |= {
                f"{name} {key}": round(value, 4) for key, value in measure(index, name).items()
            }
    return found


def speed(copies: int) -> None:
    """Prints what putting one document and asking cost, with all sets in the index ``copies``
    times.
    """
    texts = [each for name in _data.SETS for each in documents(name)]
    questions = [each["text"] for name in _data.SETS for each in _data.queries(name)[:40]]
    with tempfile.TemporaryDirectory() as folder, Index(Path(folder) / "index.db") as index:
        cpu = time.process_time()
        for copy in range(copies):
            index.put(
                "all",
                (
                    replace(
                        each, uri=f"{copy}/{each.source}/{each.uri}", text=f"{each.text}\n{copy}"
                    )
                    for each in texts
                ),
            )
        cpu = time.process_time() - cpu
        passages = index.counts()["all"][1]
        size = sum(each.stat().st_size for each in Path(folder).iterdir())
        print(f"{passages} passages, {passages / cpu:,.0f} a CPU second, {size / 1e6:,.0f} MB")
        put, asked, both = [], [], []
        for at, question in enumerate(questions):
            new = replace(texts[at], uri=f"new/{at}")
            marks = [(time.process_time(), time.perf_counter())]
            index.put("all", [new])
            marks.append((time.process_time(), time.perf_counter()))
            index.search(question)
            marks.append((time.process_time(), time.perf_counter()))
            put.append(_between(marks[0], marks[1]))
            asked.append(_between(marks[1], marks[2]))
            both.append(_between(marks[0], marks[2]))
        for label, taken in (("put one", put), ("ask", asked), ("put and ask", both)):
            print(
                f"  {label:12} "
                + " · ".join(
                    f"{kind} p50 {_at(taken, 50, of):5.1f} p95 {_at(taken, 95, of):5.1f} ms"
                    for of, kind in ((0, "CPU"), (1, "wall"))
                )
            )


def _between(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return (end[0] - start[0]) * 1000, (end[1] - start[1]) * 1000


def _at(taken: list[tuple[float, float]], percent: int, of: int) -> float:
    return statistics.quantiles([each[of] for each in taken], n=100)[percent - 1]


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures that are asked for; all sets without arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.retrieval")
    parser.add_argument("what", nargs="?", choices=["figures"], help="print all as one JSON line")
    parser.add_argument("--set", choices=_data.SETS, action="append")
    parser.add_argument(
        "--ablation", action="store_true", help="leave out each part of the ranking in turn"
    )
    parser.add_argument(
        "--speed",
        type=int,
        metavar="COPIES",
        nargs="?",
        const=1,
        help="time 12,000 passages, COPIES times over, instead",
    )
    given = parser.parse_args(arguments)
    if not _data.available():
        print("SENTIENT_BENCH_DATA must be the folder of the measuring sets.", file=sys.stderr)
        return 2
    if given.what:
        print(json.dumps(figures()))
        return 0
    if given.speed:
        speed(given.speed)
        return 0
    for name in given.set or _data.SETS:
        with index_of(name) as index:
            for label, weights in ABLATION.items() if given.ablation else {"all": DEFAULT}.items():
                index.weights = weights
                _data.show(f"{label:18} {name}", measure(index, name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
