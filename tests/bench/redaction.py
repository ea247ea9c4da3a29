"""What looking for known secrets costs: ``python -m tests.bench.redaction``.

CPU of one look at the result of a step, by its size and by how many secrets are known; the best of several rounds, as others may use the
machine too. Beside it stands what turning such a result into JSON costs.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

from pydantic_core import to_json

from sentient_kernel.redaction import Redactor

SIZES = (20, 100, 300, 1_000, 10_000, 100_000)
KNOWN = (0, 1, 3, 5, 10)
TEXT = "Honey bees fly 3 km on average, and as far as 9.5 km where forage is rare; see table 4 of the review. "


def cost(act: Callable[[], object], size: int) -> float:
    """Returns microseconds of CPU for one call."""
    count = max(20, 200_000 // size)
    best = float("inf")
    for _ in range(7):
        began = time.thread_time()
        for _ in range(count):
            act()
        best = min(best, (time.thread_time() - began) / count)
    return best * 1e6


def main() -> None:
    """Prints a line for each number of secrets."""
    print("known   " + "".join(f"{size:>12,} B" for size in SIZES))
    values = {size: {"text": (TEXT * (size // 50 + 1))[: size - 11]} for size in SIZES}
    print("to JSON " + "".join(f"{cost(lambda size=size: to_json(values[size]), size):>11.2f} us" for size in SIZES))  # type: ignore[misc]
    for known in KNOWN:
        redactor = Redactor({f"sk-proj-{secrets.token_urlsafe(30)}": f"KEY_{n}" for n in range(known)})
        data = {size: json.dumps(values[size]).encode() for size in SIZES}
        row = [cost(lambda size=size: redactor.held_in(data[size]), size) for size in SIZES]  # type: ignore[misc]  # noqa: B023 - called at once
        print(f"{known:<8}" + "".join(f"{one:>11.2f} us" for one in row))


if __name__ == "__main__":
    main()
