"""A process that writes a journal and is killed:
``python journal_writer.py PATH ROWS [--full-every N] [--big]``.

Prints a line ``seq`` for each acknowledged row, and waits at the end to be killed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from sentient_kernel.events import ProgressUpdated, RunStarted
from sentient_kernel.ids import RunId
from sentient_kernel.journal.sqlite.store import SqliteJournal


async def write(journal: SqliteJournal, rows: int, full_every: int, size: int) -> None:
    journal.bind(asyncio.get_running_loop(), lambda records: None)
    run = RunId("0190c0de-0000-7000-8000-00000000000a")
    await journal.append(run, [RunStarted(workflow="w")])
    for n in range(2, rows + 1):
        full = bool(full_every) and n % full_every == 0
        seq = await journal.append(run, [ProgressUpdated(message=f"{n} " + "x" * size)], full=full)
        sys.stdout.write(f"{seq}{' full' if full else ''}\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("rows", type=int)
    parser.add_argument("--full-every", type=int, default=0)
    parser.add_argument("--size", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(write(SqliteJournal(given.path), given.rows, given.full_every, given.size))
    print("done", flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
