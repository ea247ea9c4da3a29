"""Research with a model over the web: how long beside its own longest chain of calls, how many
calls, what they cost in CPU.

Usage: ``python -m tests.bench.research`` prints all, ``python -m tests.bench.research two_hops``
    and ``... bare`` give figures.

A model server and a web with fixed latencies run in a process of their own; the questions need two
hops. Measured are one question alone and four at once: wall time over the longest chain of calls
that follow one another, model calls, prompt tokens, repeated prompts, searches and pages, and the
CPU time of the process per model call; then the same question again in a new process.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from typing import Any

from tests.bench._measure import ROOT, Figures, Taken, command, figures_of, folder, run
from tests.bench._package import FakeWeb, ModelServer, Settings, Workbench

NAMES = ("Imker", "Wabner", "Hummel", "Krainer", "Stock", "Zeidler", "Honigl", "Drohn")
LATENCY = {"": 0.3, "/searxng": 0.25, "/robots.txt": 0.01}
MODEL_LATENCY = 0.8
READ = 3
"""Pages of each search that the loop by hand reads."""


def question(i: int) -> str:
    """Returns the i-th question: who made a thing, and where that person was born."""
    return f"In which town was the inventor of the {NAMES[i].lower()} hive born?"


def build(web: Any) -> None:
    """Puts the pages up: for each question the thing, the person, and some that only sound like
    it.
    """
    for i, name in enumerate(NAMES):
        hive = f"{name.lower()} hive"
        web.article(
            f"/hive/{i}",
            f"The {hive}",
            f"The {hive} was invented by Johann {name} of the beekeepers' guild. The {hive} has"
            " glass on two sides.",
        )
        web.article(
            f"/born/{i}",
            f"Johann {name}",
            f"Johann {name} was born in the town of {name}dorf in {1840 + i}. Johann {name} kept"
            " bees from the age of nine.",
        )
        for n in range(4):
            web.article(
                f"/other/{i}/{n}",
                f"Notes {n} on the {hive}",
                f"Keepers praise the {hive} in wet summers. The {hive} needs paint in year"
                f" {n + 2}.",
            )


def say(asked: Any) -> Any:
    """Answers as a sensible model would, from what it is shown."""
    text = "\n".join(str(message.get("content", "")) for message in asked.body["messages"])
    hive = (re.search(r"inventor of the (\w+) hive", text) or [None, "?"])[1]
    name = str(hive).capitalize()
    quotes = [(int(n), line) for n, line in re.findall(r"^\[(\d+)\] (.*)$", text, re.MULTILINE)]
    if "Split the question" in text:
        return {
            "questions": [
                {"question": f"Who invented the {hive} hive?", "query": f"{hive} hive invented by"}
            ]
        }
    if "Do these quotes" in text:
        born = any(f"Johann {name} was born in" in line for _, line in quotes)
        return {
            "enough": born,
            "questions": (
                []
                if born
                else [
                    {"question": f"Where was Johann {name} born?", "query": f"Johann {name} born"}
                ]
            ),
        }
    claims = []
    for n, line in quotes:
        found = re.search(
            r"(The \w+ hive was invented by Johann \w+)|(Johann \w+ was born in the town of \w+ in"
            r" \d+)",
            line,
        )
        if found and name in found.group(0):
            claims.append({"text": found.group(0) + ".", "cites": [n]})
    return {"claims": claims[:4], "missing": []}


def serve() -> None:
    """Runs both servers until standard input ends; a line on it asks for the log of calls since the
    last line.
    """
    log: list[tuple[str, str, float, float]] = []

    def logged(cls: type[Any], what: str) -> type[Any]:
        class Logged(cls):  # type: ignore[misc]
            async def answer(self, request: Any, reader: Any, writer: Any) -> Any:
                began = time.perf_counter()
                try:
                    return await super().answer(request, reader, writer)
                finally:
                    log.append((what, request.target, began, time.perf_counter()))

        return Logged

    with (
        logged(FakeWeb, "web")(latency=LATENCY) as web,
        logged(ModelServer, "model")(say, latency=MODEL_LATENCY) as model,
    ):
        build(web)
        print(json.dumps({"settings": web.settings, "model": model.url}), flush=True)
        for _ in sys.stdin:
            prompts = [json.dumps(asked.body["messages"]) for asked in model.requests]
            tokens = round(sum(len(prompt) for prompt in prompts) / 4)
            repeated = len(prompts) - len(set(prompts))
            print(
                json.dumps(
                    {
                        "log": log,
                        "prompts": len(prompts),
                        "repeated": repeated,
                        "prompt_tokens": tokens,
                    }
                ),
                flush=True,
            )
            log.clear()
            model.requests.clear()


class Servers:
    """The process with both servers."""

    def __enter__(self) -> Servers:
        self._process = subprocess.Popen(
            command("research", "serve"),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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


def chain(log: list[list[Any]]) -> float:
    """Returns the seconds of the longest chain of calls of which each began when the one before it
    had ended.
    """
    calls = sorted((begin, end) for *_, begin, end in log)
    best: list[float] = []
    for i, (begin, end) in enumerate(calls):
        before = max((best[j] for j in range(i) if calls[j][1] <= begin), default=0.0)
        best.append(before + end - begin)
    return max(best, default=0.0)


def seen(taken: Taken, log: dict[str, Any], questions: int, right: int) -> Figures:
    """Returns the figures of so many questions at once."""
    web = Counter(what for kind, what, *_ in log["log"] if kind == "web" and "robots" not in what)
    return {
        "right_share": right / questions,
        "wall_s": round(taken.s, 3),
        "over_chain": round(taken.s / (chain(log["log"]) or 1), 4),
        "cpu_ms_per_model_call": round(1000 * taken.cpu / max(1, log["prompts"]), 1),
        "model_calls": log["prompts"] / questions,
        "prompt_tokens": log["prompt_tokens"] / questions,
        "searches_and_pages": len(web) / questions,
        "repeated": log["repeated"] + sum(n - 1 for n in web.values()),
    }


def ask(servers: Servers, home: str, which: list[int]) -> Figures:
    """Researches questions at once in this process and returns what it took."""
    with workbench(servers.where, home) as wb, Taken() as taken:
        runs = [
            wb.research(question(i), sources="searxng", model="openai:scripted-1") for i in which
        ]
        reports = [one.result(60) for one in runs]
    right = sum(
        f"{NAMES[i]}dorf" in report.to_markdown() and not report.unsupported
        for i, report in zip(which, reports, strict=True)
    )
    return seen(taken, servers.log(), len(which), right)


def workbench(where: dict[str, Any], home: str) -> Workbench:
    """Opens a workbench that knows those servers alone."""
    os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = where["model"], "none"
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in where["settings"].items()
    }
    return Workbench(home, settings=Settings.load(**settings))


def again(where: str, home: str) -> Figures:
    """Asks the first question again, in this process."""
    with workbench(json.loads(where), home) as wb, Taken() as taken:
        report = wb.research(question(0), sources="searxng", model="openai:scripted-1").result(60)
    return {"wall_s": round(taken.s, 3), "right": int(f"{NAMES[0]}dorf" in report.to_markdown())}


def two_hops(alone: int = 2) -> Figures:
    """One question after the other, the median of so many; then four at once; then one again in a
    new process, which asks nobody.
    """
    with Servers() as servers:
        # loads the model's libraries, which costs a second once
        ask(servers, f"{folder()}/warm", [len(NAMES) - 1])
        single = [ask(servers, f"{folder()}/{i}", [i]) for i in range(alone)]
        four = ask(servers, f"{folder()}/four", [2, 3, 4, 5])
        repeated = figures_of("research", "again", json.dumps(servers.where), f"{folder()}/0")
        calls = len(servers.log()["log"])
    figures = {key: statistics.median(one[key] for one in single) for key in single[0]}
    figures |= {f"four.{key}": value for key, value in four.items()}
    return (
        figures
        | {f"again.{key}": value for key, value in repeated.items()}
        | {"again.calls": calls}
    )


def bare(alone: int = 2) -> Figures:
    """The same by hand over httpx: ask for a plan, search, read all, ask for gaps, search, read
    all, ask for the answer.
    """
    import httpx

    async def one(where: dict[str, Any], i: int) -> str:
        quotes: dict[str, None] = {}
        pages: dict[str, str] = {}
        async with httpx.AsyncClient(timeout=20) as client:

            async def model(task: str) -> dict[str, Any]:
                text = "\n".join(
                    [
                        f"Question: {question(i)}",
                        task,
                        *(f"[{n}] {quote}" for n, quote in enumerate(quotes, 1)),
                    ]
                )
                body = {"model": "scripted-1", "messages": [{"role": "user", "content": text}]}
                reply = await client.post(f"{where['model']}/chat/completions", json=body)
                value: dict[str, Any] = json.loads(reply.json()["choices"][0]["message"]["content"])
                return value

            async def read(url: str) -> None:
                if url not in pages:
                    pages[url] = ""
                    pages[url] = " ".join(re.findall(r"<p>(.*?)</p>", (await client.get(url)).text))

            async def search(query: str) -> None:
                found = await client.get(
                    f"{where['settings']['searxng_url']}/search",
                    params={"q": query, "format": "json"},
                )
                await asyncio.gather(*(read(hit["url"]) for hit in found.json()["results"][:READ]))
                for page in pages.values():
                    quotes.update(
                        (" ".join(sentence.split()), None)
                        for sentence in re.findall(r"[A-Z][^.]*\.", page)
                    )

            for task in ("Split the question", "Do these quotes answer it?"):
                for part in (await model(task))["questions"]:
                    await search(part["query"])
            return str(await model("Answer with claims."))

    with Servers() as servers:
        asyncio.run(one(servers.where, len(NAMES) - 1))
        servers.log()
        taken = []
        for i in range(alone):
            with Taken() as took:
                said = asyncio.run(one(servers.where, i))
            taken.append(seen(took, servers.log(), 1, f"{NAMES[i]}dorf" in said))
    return {key: statistics.median(figures[key] for figures in taken) for key in taken[0]}


def show() -> None:
    """Prints all figures, a line each."""
    figures = two_hops()
    groups = {"one question": "", "four at once": "four.", "again, in a new process": "again."}
    for label, prefix in groups.items():
        said = [key for key in figures if key.startswith(prefix) and (prefix or "." not in key)]
        print(
            f"{label:24} "
            + "  ".join(
                f"{key.removeprefix(prefix).replace('_', ' ')} {figures[key]:g}" for key in said
            )
        )


if __name__ == "__main__":
    run(globals(), "show")
