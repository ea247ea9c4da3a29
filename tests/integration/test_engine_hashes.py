"""What a step is known by is the same in every process, although each has another order of its
sets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SAYS = """
import json
from dataclasses import dataclass
from pydantic import BaseModel
from engine_kit import Cells
from sentient_kernel.engine.codec import canonical
from sentient_kernel.engine.identity import fingerprint

class Paper(BaseModel):
    tags: set[str]

@dataclass
class Point:
    paper: Paper
    tags: frozenset[str]

tags = {f"a{i}" for i in range(20)}
cell = "def f(x):\\n    return x in {'a', 'b', 'c', 'd', 'e'}\\n"
bare = {"__name__": "__main__"}
exec(cell, bare)
said = {
    "sets in models": canonical({"k": [Paper(tags=tags), Point(Paper(tags=tags), frozenset(tags))]}, "argument 1").decode(),
    "source of a cell": fingerprint(Cells().run(cell)["f"]),
    "code without source": fingerprint(bare["f"]),
}
print(json.dumps([list(tags), said]))
"""


def test_arguments_and_code_have_one_hash_in_every_process() -> None:
    orders, hashes = [], []
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), *sys.path]),
        }
        said = subprocess.run(
            [sys.executable, "-c", SAYS],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        order, found = json.loads(said.stdout)
        orders.append(order)
        hashes.append(found)
    assert orders[0] != orders[1], "the seeds do not show what is to be shown"
    assert hashes[0] == hashes[1]
    assert all(hashes[0].values())
