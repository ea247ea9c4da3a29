"""Searching a folder: what a question costs over so many files, and of that the index alone.

Usage: ``python -m tests.bench.search files|index FILES PASSAGES`` (so many PASSAGES in each of so
    many FILES); 1,000 x 12 and
10,000 x 1 are about as many passages in more and more files, 20,000 x 52 is a million: some minutes
and 4 GB of disk.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from tests.bench._measure import Figures, Taken, folder, run, share_ms
from tests.bench._package import Document, Index, Workbench

SYLLABLES = (
    "ba be bi bo da de di do ga ke ki ko la le li lo ma me mi mo na ne ni no pa pe ra re ri ro sa"
    " se si so ta te".split()
)
WORDS = 152
"""Of a text, for one more passage: they overlap."""


def vocabulary() -> list[str]:
    """Returns 20,000 words, the same each time."""
    return [
        "".join(parts)
        for parts in itertools.islice(itertools.product(SYLLABLES, SYLLABLES, SYLLABLES), 20_000)
    ]


def texts(files: int, passages: int) -> Iterator[str]:
    """Yields texts in which the n-th word is about as frequent as 1/n, as in languages."""
    chance, words = random.Random(5), vocabulary()
    weights = list(itertools.accumulate(1 / (n + 5) for n in range(len(words))))
    for _ in range(files):
        sentences = (
            chance.choices(words, cum_weights=weights, k=19) for _ in range(passages * WORDS // 19)
        )
        yield " ".join(" ".join(sentence).capitalize() + "." for sentence in sentences)


def asked() -> list[str]:
    """Returns 60 questions of five words that are neither the most frequent nor the rarest."""
    chance, words = random.Random(7), vocabulary()[30:8_000]
    return [" ".join(chance.choices(words, k=5)) for _ in range(60)]


def files(count: int, passages: int) -> Figures:
    """A folder of that many files: what the first search takes, which reads them, and what the next
    do.
    """
    place = folder() / "files"
    for n, text in enumerate(texts(count, passages)):
        (place / f"{n // 500}").mkdir(parents=True, exist_ok=True)
        (place / f"{n // 500}" / f"{n}.txt").write_text(text, encoding="utf-8")
    with Workbench(folder() / "home") as wb:
        wb.add(place)
        with Taken() as built:
            wb.search("ba")
        figures = costs(wb.search)
    with Index(folder() / "home" / "index.db") as index:
        held = sum(passages for _, passages in index.counts().values())
    return figures | {"build_s": round(built.s, 1), "passages": held}


def index(count: int, passages: int) -> Figures:
    """The same texts in the index, without files and folders."""
    with Index(folder() / "index.db") as made:
        documents = (
            Document(title=f"{n}", uri=f"{n}", text=text, source="a")
            for n, text in enumerate(texts(count, passages))
        )
        made.put("a", documents)
        return costs(made.search)


def costs(search: Callable[[str], object]) -> Figures:
    """Returns what each question takes."""
    cpu, wall = [], []
    for question in asked():
        with Taken() as taken:
            search(question)
        cpu.append(taken.cpu)
        wall.append(taken.s)
    return {
        "search_cpu_p50_ms": share_ms(cpu, 50),
        "search_cpu_p95_ms": share_ms(cpu, 95),
        "search_wall_p95_ms": share_ms(wall, 95),
    }


if __name__ == "__main__":
    run(globals())
