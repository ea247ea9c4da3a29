"""Research with a model over the web: how long beside its own longest chain of calls, how many calls, what they cost in CPU.

Usage::

    python -m tests.bench.research [--rounds 3]

A model server and a web with fixed latencies run in a process of their own; the questions need two hops. Printed are, for each question
alone and for four at once: wall time over the longest chain of calls that follow one another, model calls, prompt tokens, repeated
prompts, searches and pages, and the CPU time of the process per model call; then the same question again in a new process.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Any

NAMES = ("Imker", "Wabner", "Hummel", "Krainer", "Stock", "Zeidler", "Honigl", "Drohn")
LATENCY = {"": 0.3, "/searxng": 0.25, "/robots.txt": 0.01}
MODEL_LATENCY = 0.8


def question(i: int) -> str:
    """Returns the i-th question: who made a thing, and where that person was born."""
    return f"In which town was the inventor of the {NAMES[i].lower()} hive born?"


def build(web: Any) -> None:
    """Puts the pages up: for each question the thing, the person, and some that only sound like it."""
    for i, name in enumerate(NAMES):
        hive = f"{name.lower()} hive"
        web.article(
            f"/hive/{i}",
            f"The {hive}",
            f"The {hive} was invented by Johann {name} of the beekeepers' guild. The {hive} has glass on two sides.",
        )
        web.article(
            f"/born/{i}",
            f"Johann {name}",
            f"Johann {name} was born in the town of {name}dorf in {1840 + i}. Johann {name} kept bees from the age of nine.",
        )
        for n in range(4):
            web.article(
                f"/other/{i}/{n}",
                f"Notes {n} on the {hive}",
                f"Keepers praise the {hive} in wet summers. The {hive} needs paint in year {n + 2}.",
            )


def say(asked: Any) -> Any:
    """Answers as a sensible model would, from what it is shown."""
    text = "\n".join(str(message.get("content", "")) for message in asked.body["messages"])
    hive = (re.search(r"inventor of the (\w+) hive", text) or [None, "?"])[1]
    name = str(hive).capitalize()
    quotes = [(int(n), line) for n, line in re.findall(r"^\[(\d+)\] (.*)$", text, re.MULTILINE)]
    if "Split the question" in text:
        return {"questions": [{"question": f"Who invented the {hive} hive?", "query": f"{hive} hive invented by"}]}
    if "Do these quotes" in text:
        born = any("was born in" in line for _, line in quotes)
        return {
            "enough": born,
            "questions": [] if born else [{"question": f"Where was Johann {name} born?", "query": f"Johann {name} born"}],
        }
    claims = []
    for n, line in quotes:
        found = re.search(r"(The \w+ hive was invented by Johann \w+)|(Johann \w+ was born in the town of \w+ in \d+)", line)
        if found:
            claims.append({"text": found.group(0) + ".", "cites": [n]})
    return {"claims": claims[:4], "missing": []}


def serve() -> None:
    """Runs both servers until standard input ends; a line on it asks for the log of calls since the last line."""
    from sentient_kernel.testing import FakeWeb, ModelServer

    log: list[tuple[str, str, float, float]] = []

    def logged(cls: type[Any]) -> type[Any]:
        class Logged(cls):  # type: ignore[misc]
            async def answer(self, request: Any, reader: Any, writer: Any) -> Any:
                began = time.perf_counter()
                try:
                    return await super().answer(request, reader, writer)
                finally:
                    what = request.target if cls is FakeWeb else "model"
                    log.append((cls.__name__, what, began, time.perf_counter()))

        return Logged

    with logged(FakeWeb)(latency=LATENCY) as web, logged(ModelServer)(say, latency=MODEL_LATENCY) as model:
        build(web)
        settings = {name: list(v) if isinstance(v, tuple) else v for name, v in web.settings.items()}
        print(json.dumps({"settings": settings, "model": model.url}), flush=True)
        for _ in sys.stdin:
            prompts = [json.dumps(asked.body["messages"]) for asked in model.requests]
            tokens = sum(len(prompt) for prompt in prompts) / 4
            print(
                json.dumps(
                    {"log": log, "prompts": len(prompts), "repeated": len(prompts) - len(set(prompts)), "prompt_tokens": round(tokens)}
                ),
                flush=True,
            )
            log.clear()
            model.requests.clear()


def chain(log: list[list[Any]]) -> float:
    """Returns the seconds of the longest chain of calls of which each began when the one before it had ended."""
    calls = sorted((begin, end) for *_, begin, end in log)
    best: list[float] = []
    for i, (begin, end) in enumerate(calls):
        before = max((best[j] for j in range(i) if calls[j][1] <= begin), default=0.0)
        best.append(before + end - begin)
    return max(best, default=0.0)


def ask(where: dict[str, Any], home: str, which: list[int]) -> dict[str, Any]:
    """Researches questions at once in this process and returns what it took."""
    import sentient_kernel as sk

    os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = where["model"], "none"
    settings = sk.Settings.load(**{name: tuple(v) if isinstance(v, list) else v for name, v in where["settings"].items()})
    with sk.Workbench(home, settings=settings) as wb:
        wall, cpu = time.perf_counter(), time.process_time()
        runs = [wb.research(question(i), sources="searxng", model="openai:scripted-1") for i in which]
        reports = [run.result(60) for run in runs]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        good = sum(f"{NAMES[i]}dorf" in report.to_markdown() and not report.unsupported for i, report in zip(which, reports, strict=True))
        calls = sum(line.calls for run in runs for line in run.cost)
    return {"wall": wall, "cpu": cpu, "right": good, "calls": calls}


class Servers:
    """The process with both servers."""

    def __enter__(self) -> Servers:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.research", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.where = json.loads(self._process.stdout.readline())  # type: ignore[union-attr]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(10)

    def log(self) -> dict[str, Any]:
        """Returns the calls since the last time."""
        self._process.stdin.write("\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        found: dict[str, Any] = json.loads(self._process.stdout.readline())  # type: ignore[union-attr]
        return found


def shown(label: str, took: dict[str, Any], seen: dict[str, Any], questions: int) -> None:
    """Prints a line of figures."""
    web = Counter(what for kind, what, *_ in seen["log"] if kind == "FakeWeb" and "robots" not in what)
    longest = chain(seen["log"])
    repeated = sum(n - 1 for n in web.values())
    ratio, calls = took["wall"] / (longest or 1), seen["prompts"] / questions
    print(
        f"{label:24} right {took['right']}/{questions}  wall {took['wall']:.2f} s  chain {longest:.2f} s  ratio {ratio:.3f}"
        f"  model calls {calls:.1f}  prompt tokens {seen['prompt_tokens'] / questions:.0f}"
        f"  repeated prompts {seen['repeated']}, others {repeated}"
        f"  searches and pages {len(web)}  CPU {1000 * took['cpu'] / max(1, seen['prompts']):.0f} ms a model call",
        flush=True,
    )


def main() -> None:
    """Prints all figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.research")
    parser.add_argument("what", nargs="?", default="run", choices=["run", "serve", "ask"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--where")
    parser.add_argument("--home")
    given = parser.parse_args()
    if given.what == "serve":
        serve()
        return
    if given.what == "ask":
        print(json.dumps(ask(json.loads(given.where), given.home, [0])))
        return
    with Servers() as servers, tempfile.TemporaryDirectory() as folder:
        ask(servers.where, f"{folder}/warm", [len(NAMES) - 1])  # loads the model's libraries, which costs a second once
        servers.log()
        for turn in range(given.rounds):
            for i in (0, 1):
                shown(f"one question, round {turn}", ask(servers.where, f"{folder}/{turn}-{i}", [i]), servers.log(), 1)
            shown(f"four at once, round {turn}", ask(servers.where, f"{folder}/{turn}-four", [2, 3, 4, 5]), servers.log(), 4)
        command = [sys.executable, "-m", "tests.bench.research", "ask", "--where", json.dumps(servers.where), "--home", f"{folder}/0-0"]
        took = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        seen = servers.log()
        print(f"{'again, in a new process':24} right {took['right']}/1  wall {took['wall']:.2f} s  calls {len(seen['log'])}")


if __name__ == "__main__":
    main()
