"""Loads the measuring sets: public retrieval sets, kept outside the repository.

They lie in ``$SENTIENT_BENCH_DATA``: one folder a set, with ``docs.jsonl.gz`` (id, title, text) and
``queries.dev.jsonl.gz`` (id, text, gold and, where the set has them, gold_sents, answers, span,
label, long, final).
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETS = ("scifact", "covidqa", "musique_train100", "hotpotqa_train100", "xquad_en", "pubmedqa_l")


def folder() -> Path:
    """Returns the folder that holds the sets; ends the script where the variable that names it is
    not set.
    """
    named = os.environ.get("SENTIENT_BENCH_DATA")
    if not named:
        sys.exit("SENTIENT_BENCH_DATA must be the folder of the measuring sets; it is not set.")
    return Path(named)


def available() -> bool:
    """Tells whether the sets are on this machine."""
    return (
        bool(os.environ.get("SENTIENT_BENCH_DATA"))
        and (folder() / SETS[0] / "docs.jsonl.gz").is_file()
    )


def show(label: str, figures: Mapping[str, float]) -> None:
    """Prints a line of figures."""
    print(
        f"{label:32} " + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()),
        flush=True,
    )


def docs(name: str) -> list[dict[str, Any]]:
    """Returns the documents of a set, in file order."""
    return _read(folder() / name / "docs.jsonl.gz")


def queries(name: str) -> list[dict[str, Any]]:
    """Returns the questions of a set, in file order: all files ``queries.*.jsonl.gz`` that are
    there.
    """
    return [
        row for path in sorted((folder() / name).glob("queries.*.jsonl.gz")) for row in _read(path)
    ]


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
