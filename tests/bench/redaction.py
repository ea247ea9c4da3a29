"""Looking for known secrets in what a step returns: CPU of one look, by size and by how many are
known.

Usage: ``python -m tests.bench.redaction`` prints a table,
    ``python -m tests.bench.redaction look SIZE KNOWN`` gives figures.
Beside it stands what turning such a result into JSON costs.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

from pydantic_core import to_json

from tests.bench._measure import Figures, run
from tests.bench._package import Redactor

SIZES = (20, 100, 300, 1_000, 10_000, 100_000)
KNOWN = (0, 1, 3, 5, 10)
TEXT = (
    "Honey bees fly 3 km on average, and as far as 9.5 km where forage is rare; see table 4 of the"
    " review. "
)


def cost(act: Callable[[], object], size: int) -> float:
    """Returns microseconds of CPU for one call: the best of several rounds, as others may use the
    machine too.
    """
    count = max(20, 200_000 // size)
    best = float("inf")
    for _ in range(7):
        began = time.thread_time()
        for _ in range(count):
            act()
        best = min(best, (time.thread_time() - began) / count)
    return round(best * 1e6, 2)


def look(size: int, known: int) -> Figures:
    """Looks for so many secrets in a result of so many bytes."""
    value = {"text": (TEXT * (size // 50 + 1))[: size - 11]}
    data = json.dumps(value).encode()
    redactor = Redactor({f"sk-proj-{secrets.token_urlsafe(30)}": f"KEY_{n}" for n in range(known)})
    return {
        "look_us": cost(lambda: redactor.held_in(data), size),
        "json_us": cost(lambda: to_json(value), size),
    }


def show() -> None:
    """Prints a line for each number of secrets."""
    print("known   " + "".join(f"{size:>12,} B" for size in SIZES))
    print("to JSON " + "".join(f"{look(size, 0)['json_us']:>11.2f} us" for size in SIZES))
    for known in KNOWN:
        print(
            f"{known:<8}" + "".join(f"{look(size, known)['look_us']:>11.2f} us" for size in SIZES)
        )


if __name__ == "__main__":
    run(globals(), "show")
