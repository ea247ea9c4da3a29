"""An embedder, where one is set, finds sentences that say the same as their quotes in other
words.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

import sentient_kernel as sk
from sentient_kernel.models.base import Message
from sentient_kernel.testing import ScriptedModel

TEXTS = {
    "hive.txt": "Johann Imker won a silver medal at Graz for the waggle hive in 1871.",
    "glass.txt": "Johann Imker gave the waggle hive glass on two sides.",
    "white.txt": "Johann Imker painted the waggle hive white each spring.",
    "kilos.txt": "The waggle hive of Johann Imker weighs nine kilograms.",
}
SAME = "The waggle hive earned its inventor an award."
OTHER = "The waggle hive ruined its inventor with debts."
TOPICS = (
    "medal award silver earned won graz capital",
    "glass sides",
    "painted white",
    "weighs kilograms",
    "ruined debts lawsuits",
)


def vector(text: str) -> list[float]:
    """Returns how much a text is about each topic, as a good embedder would."""
    said = text.lower()
    return [0.2, *(float(sum(word in said for word in topic.split())) for topic in TOPICS)]


class Served(BaseHTTPRequestHandler):
    asked: ClassVar[list[list[str]]] = []
    broken = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append(body["input"])
        data = [
            {"object": "embedding", "index": n, "embedding": vector(text)}
            for n, text in enumerate(body["input"])
        ]
        told = {
            "object": "list",
            "model": body["model"],
            "data": data[: 1 if self.broken else None],
            "usage": {"prompt_tokens": 9, "total_tokens": 9},
        }
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Served]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Served,), {"asked": []}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("SENTIENT_ALLOW_HOSTS", host)
    yield server.RequestHandlerClass  # type: ignore[misc]
    server.shutdown()
    server.server_close()


def writes(messages: Sequence[Message]) -> Any:
    text = messages[-1].text
    if not text.startswith("Write a report"):
        return {"questions": [], "enough": True, "claims": []}
    number = next(
        int(line[1 : line.index("]")])
        for line in text.splitlines()
        if line.startswith("[") and "silver medal" in line
    )
    return {
        "claims": [{"text": SAME, "cites": [number]}, {"text": OTHER, "cites": [number]}],
        "missing": [],
    }


def ask(tmp_path: Path, embedder: str, name: str) -> Any:
    folder = tmp_path / "texts"
    folder.mkdir(exist_ok=True)
    for file, text in TEXTS.items():
        (folder / file).write_text(text)
    settings = sk.Settings.load(embedder=embedder)
    with sk.Workbench(tmp_path / "home", settings=settings) as wb:
        model = ScriptedModel(writes, name=name)
        return wb.research(
            "What did the waggle hive bring Johann Imker?", sources=folder, model=model
        ).result(60)


def test_what_means_the_same_is_borne_out_and_said_to_be_so_by_the_embedder(
    tmp_path: Path, served: type[Served]
) -> None:
    without = ask(tmp_path, "", "one")
    assert (
        not [
            claim.text
            for claim in without.claims
            if claim.text in (SAME, OTHER) and claim.verdict == "supported"
        ]
        and not served.asked
    )
    report = ask(tmp_path, "openai:meaning-1", "two")
    verdicts = {claim.text: claim.verdict for claim in report.claims}
    assert (verdicts[SAME], verdicts[OTHER]) == ("supported", "unsupported")
    assert any("the embedding is close" in note and SAME in note for note in report.notes)
    asked = len(served.asked)
    ask(tmp_path, "openai:meaning-1", "two")
    assert len(served.asked) == asked == 1


def test_embedder_that_answers_half_costs_nothing_but_a_note(
    tmp_path: Path, served: type[Served]
) -> None:
    served.broken = True
    report = ask(tmp_path, "openai:meaning-1", "one")
    assert report.claims and any("embedder did not help" in note for note in report.notes)


@pytest.mark.parametrize("name", ["meaning", "openai:", ":x"])
def test_name_of_no_embedder_is_told_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    with pytest.raises(sk.SentientError, match="embedder"):
        ask(tmp_path, name, "one")
