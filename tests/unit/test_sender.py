"""The thread that brings news to live views: what fails for one of them, or for a moment, silences nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sentient_kernel.ids import RunId
from sentient_kernel.widgets import sender
from sentient_kernel.widgets.sender import Sender

Row = dict[str, Any]


class Feed:
    run: RunId | None = None

    def __init__(self, *raises: Exception) -> None:
        self.raises = list(raises)

    def snapshot(self) -> Row:
        if self.raises:
            raise self.raises.pop(0)
        return {"all": True}

    def patch(self) -> Row | None:
        return None


class Store:
    view = "run"

    def __init__(self, feed: Feed, *breaks: Exception) -> None:
        self.feed, self.breaks = feed, list(breaks)
        self.pages: dict[str, float] = {}
        self.asked = self.behind = False
        self.sent = self.rests_until = 0.0
        self.given: list[Row] = []

    def give(self, message: Row) -> None:
        if self.breaks:
            raise self.breaks.pop(0)
        self.sent = time.monotonic()
        self.given.append(message)


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch, failures: list[str]) -> Iterator[Callable[[Store], Sender]]:
    monkeypatch.setattr(sender, "REST", 0.05)
    monkeypatch.setattr(sender, "LOCKED", 0.05)
    begun: list[Sender] = []

    def begin(store: Store) -> Sender:
        begun.append(Sender(lambda: 0, lambda store, message: {}, lambda error, where: failures.append(f"{where}: {error}")))
        begun[-1].add(store)  # type: ignore[arg-type]
        begun[-1].hear(store, {"kind": "hello", "page": "one"})  # type: ignore[arg-type]
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def wait_for(store: Store, kind: str) -> Row:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for message in store.given:
            if message["kind"] == kind:
                return message
        time.sleep(0.01)
    raise AssertionError(f"no {kind} among {store.given}")


@pytest.mark.parametrize("error", [OSError("locked"), ValueError("ours")])
def test_a_page_that_said_hello_gets_its_snapshot_though_the_first_one_failed(
    sending: Callable[[Store], Sender], failures: list[str], error: Exception
) -> None:
    store = Store(Feed(error, error))
    sending(store)
    assert wait_for(store, "snapshot")["state"] == {"all": True}
    assert failures == ([] if isinstance(error, OSError) else ["view run: ours"] * 2)


def test_a_reply_that_cannot_be_sent_silences_nothing(sending: Callable[[Store], Sender], failures: list[str]) -> None:
    store = Store(Feed())
    one = sending(store)
    wait_for(store, "snapshot")
    store.breaks = [RuntimeError("the line is gone")]
    one.hear(store, {"kind": "do", "page": "one", "id": "first"})  # type: ignore[arg-type]
    until = time.monotonic() + 10
    while not failures and time.monotonic() < until:
        time.sleep(0.01)
    one.hear(store, {"kind": "do", "page": "one", "id": "second"})  # type: ignore[arg-type]
    assert wait_for(store, "reply")["id"] == "second"
    assert failures == ["view run: the line is gone"]


@pytest.mark.parametrize("page", [None, "", 7, ["one"], "x" * 61, "../one", "one\n", "\x1b[2J"], ids=repr)
def test_a_page_without_a_name_or_with_an_odd_one_is_not_heard(sending: Callable[[Store], Sender], page: Any) -> None:
    store = Store(Feed())
    one = sending(store)
    wait_for(store, "snapshot")
    one.hear(store, {"kind": "do", "page": page, "id": "odd"})  # type: ignore[arg-type]
    one.hear(store, {"kind": "do", "page": "two", "id": "even"})  # type: ignore[arg-type]
    assert wait_for(store, "reply")["id"] == "even"
    assert list(store.pages) == ["one", "two"]


def test_of_many_pages_the_newest_count(sending: Callable[[Store], Sender]) -> None:
    store = Store(Feed())
    one = sending(store)
    for n in range(1_000):
        one.hear(store, {"kind": "hello", "page": f"p{n}"})  # type: ignore[arg-type]
    assert (len(store.pages), list(store.pages)[-1]) == (sender.MOST_PAGES, "p999")


@pytest.mark.parametrize("name", [None, 7, "x" * 61, {"a": 1}], ids=repr)
def test_what_a_page_asks_under_an_odd_name_is_done_and_not_answered(sending: Callable[[Store], Sender], name: Any) -> None:
    store = Store(Feed())
    one = sending(store)
    one.hear(store, {"kind": "do", "page": "one", "id": name})  # type: ignore[arg-type]
    one.hear(store, {"kind": "do", "page": "one", "id": "one-r2"})  # type: ignore[arg-type]
    assert wait_for(store, "reply")["id"] == "one-r2"
