"""All figures, beside their targets and the peers:
``python -m tests.bench [NAME...] [--rounds N] [--json FILE] [--peers WHERE]``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
from pathlib import Path

from tests.bench._environments import PEERS, found, make, versions
from tests.bench._plan import BENCHES, named
from tests.bench._report import judged, table
from tests.bench._taking import rounds

EPILOG = """\
`python -m tests.bench peers FOLDER` makes the peers' environments there, from the package index. Without --peers, and without
SENTIENT_BENCH_%s..., their cases are skipped and said. Exit: 0 all targets that could be judged are held, 1 one was missed,
2 a bench did not come to its end."""


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", epilog=EPILOG % next(iter(PEERS)).upper()
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="which benches; by default all but those that say 'asked'",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="how often each case is taken, in turn with the others (3)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write all figures and verdicts there"
    )
    parser.add_argument(
        "--peers",
        action="append",
        default=[],
        metavar="WHERE",
        help="NAME=PYTHON, or the folder of all environments",
    )
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    given = parser.parse_args()
    if given.names[:1] == ["peers"]:
        if len(given.names) != 2:
            parser.error("peers FOLDER makes the peers' environments: give one folder")
        make(Path(given.names[1]))
        return 0
    if given.list:
        for name, bench in BENCHES.items():
            print(f"{name:10} {bench.title}{'  (asked)' if bench.asked else ''}")
        return 0
    return measure(named(given.names), given.rounds, found(given.peers), given.json)


def measure(names: list[str], count: int, pythons: dict[str, str], file: Path | None) -> int:
    """Takes the figures, prints the table, writes the file."""
    before, installed = os.getloadavg(), versions(pythons)
    taken, failed = rounds(names, count, pythons)
    after, verdicts = os.getloadavg(), judged(names, taken)
    cores = os.cpu_count() or 1
    loads = f"load {before[0]:.1f} before, {after[0]:.1f} after, on {cores} cores"
    print(
        f"{', '.join(f'{name} {said}' for name, said in installed.items())}; {loads}; medians [min"
        f" - max] of {count} rounds"
    )
    print(table(verdicts))
    words = [{True: "held", False: "missed", None: "open"}[one.held] for one in verdicts]
    print(
        f"\n{words.count('held')} held, {words.count('missed')} missed, {words.count('open')} open;"
        f" {len(failed)} cases failed"
    )
    if file is not None:
        machine = {
            "cores": cores,
            "system": platform.platform(),
            "load_before": before,
            "load_after": after,
        }
        said = {
            "machine": machine,
            "installed": installed,
            "rounds": count,
            "figures": taken,
            "failed": failed,
            "targets": [dataclasses.asdict(one) for one in verdicts],
        }
        file.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return 2 if failed else 1 if "missed" in words else 0


if __name__ == "__main__":
    sys.exit(main())
