"""The protocol of live views is written down once, for the pages; what the kernel sends is held
against it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workbench_kit import BEES, QUESTION, asking, picky

import sentient_kernel as sk
from sentient_kernel.feeds.channel import Channel
from sentient_kernel.feeds.feeds import ErrorsFeed, EventsFeed, Feed, InboxFeed, RunFeed
from sentient_kernel.feeds.sender import Sender
from sentient_kernel.widgets.bundle import STATIC

TEXT = re.sub(
    r"/\*\*.*?\*/|//[^\n]*",
    "",
    (STATIC / "kit" / "state.d.ts").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)
TYPES = {name: said.strip() for name, said in re.findall(r"export type (\w+) = (.*?);", TEXT)}
SHAPES = {
    name: re.findall(r"(\w+\??|\[\w+: string\]|\[field: string\]): (.*?)(?:;|$)", body.strip())
    for name, body in re.findall(
        r"export interface (\w+) \{(.*?)\n?\}\s*(?=export|$)", TEXT, re.DOTALL
    )
}
PLAIN = {"string": str, "number": (int, float), "boolean": bool, "null": type(None), "any": object}


def fits(value: Any, said: str) -> bool:
    """Tells whether a JSON value is of a type as TypeScript writes it."""
    said = said.strip()
    if said.startswith("{ ["):  # a map
        return isinstance(value, dict) and all(
            fits(one, said.split("]:", 1)[1].rstrip(" }"))
            for one in value.values()
            if one is not None
        )
    if said.startswith("["):  # a tuple
        parts = said[1:-1].split(", ")
        return (
            isinstance(value, list | tuple)
            and len(value) == len(parts)
            and all(map(fits, value, parts))
        )
    if " | " in said:
        return any(fits(value, one) for one in said.split(" | "))
    if said.endswith("[]"):
        return isinstance(value, list | tuple) and all(fits(one, said[:-2]) for one in value)
    if said in TYPES:
        return fits(value, TYPES[said])
    if said in SHAPES:
        return isinstance(value, dict) and misfits(value, said) == []
    if said.startswith('"'):
        return bool(value == said[1:-1])
    return isinstance(value, PLAIN[said]) and not (said == "number" and isinstance(value, bool))  # type: ignore[arg-type]


def misfits(value: dict[str, Any], name: str) -> list[str]:
    """Returns the fields of a JSON object that an interface has otherwise."""
    known = {field.rstrip("?"): (said, field.endswith("?")) for field, said in SHAPES[name]}
    open_ended = any(field.startswith("[") for field in known)
    wrong = [
        field
        for field, one in value.items()
        if not (fits(one, known[field][0]) if field in known else open_ended)
    ]
    return wrong + [
        field
        for field, (_, optional) in known.items()
        if not (optional or field.startswith("[") or field in value)
    ]


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path / "home") as workbench:
        yield workbench


def test_what_a_page_is_sent_is_what_the_protocol_says(wb: sk.Workbench) -> None:
    research = wb.research(QUESTION, sources=[BEES])
    research.result()
    failed = wb.start(picky, -1)
    failed.wait()
    asks = wb.start(asking, 1)
    asks.wait()
    wb.texts.add(asks.id, "writer", "Be ")
    source, sent = wb.view_source, list[dict[str, Any]]()
    feeds: list[Feed] = [RunFeed(source, run.id) for run in (research, failed, asks)]
    feeds += [
        EventsFeed(source, asks.id),
        EventsFeed(source, None),
        InboxFeed(source),
        ErrorsFeed(source),
    ]
    sender = Sender(source.answer, source.failed)
    channels = [Channel("run", feed, sent.append) for feed in feeds]
    for channel in channels:
        sender.add(channel)
        sender.hear(channel, {"kind": "hello", "page": "p"})
    sender.hear(channels[0], {"kind": "need", "page": "p", "id": "p-1", "what": "event", "seq": 1})
    sender.hear(
        channels[0], {"kind": "do", "page": "p", "id": "p-2", "what": "dance", "run": asks.id}
    )
    until = time.monotonic() + 20
    while time.monotonic() < until and [message["kind"] for message in sent].count("reply") < 2:
        time.sleep(0.02)
    wb.texts.add(asks.id, "writer", "careful ")
    asks.approvals[0].approve()
    asks.result()
    sender.close()
    assert {message["kind"] for message in sent} == {"snapshot", "patch", "reply", "closed"}
    found: set[str] = set()
    for message in sent:
        name = {"snapshot": "Snapshot", "patch": "Patch", "reply": "Reply", "closed": "Closed"}[
            message["kind"]
        ]
        state = message.get("state") or message.get("set") or {}
        wrong = {part: value for part, value in state.items() if misfits({part: value}, "State")}
        assert (misfits(message, name), wrong) == ([], {})
        found |= {part for part, value in state.items() if value} | {
            part for part in ("text", "events") if message.get(part)
        }
    assert found >= {"text"} | {field.rstrip("?") for field, _ in SHAPES["State"]} - {"dropped"}, (
        "each part was seen with something in it"
    )


def test_a_row_that_differs_is_found() -> None:
    row = {"by": "writer", "text": "Bees", "at": 0}
    assert misfits(row, "TextRow") == []
    for wrong in ({**row, "at": "0"}, {**row, "more": 1}, {"by": "writer", "text": "Bees"}):
        assert misfits(wrong, "TextRow")
