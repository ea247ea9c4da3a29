"""The thread that brings news to live views: what fails for one of them, or for a moment, silences
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sentient_kernel.feeds import sender
from sentient_kernel.feeds.channel import Channel
from sentient_kernel.feeds.sender import Sender
from sentient_kernel.ids import RunId

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


class Pages(Channel):
    """A channel that keeps what it is given, after some failures."""

    def __init__(self, feed: Feed, *breaks: Exception) -> None:
        super().__init__("run", feed, self._take)
        self.breaks, self.given = list(breaks), list[Row]()

    def _take(self, message: Row) -> None:
        if self.breaks:
            raise self.breaks.pop(0)
        self.given.append(message)


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def sending(
    monkeypatch: pytest.MonkeyPatch, failures: list[str]
) -> Iterator[Callable[[Pages], Sender]]:
    monkeypatch.setattr(sender, "REST", 0.05)
    monkeypatch.setattr(sender, "LOCKED", 0.05)
    begun: list[Sender] = []

    def begin(pages: Pages) -> Sender:
        begun.append(
            Sender(lambda message: {}, lambda error, where: failures.append(f"{where}: {error}"))
        )
        begun[-1].add(pages)
        begun[-1].hear(pages, {"kind": "hello", "page": "one"})
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def wait_for(pages: Pages, kind: str) -> Row:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for message in pages.given:
            if message["kind"] == kind:
                return message
        time.sleep(0.01)
    raise AssertionError(f"no {kind} among {pages.given}")


@pytest.mark.parametrize("error", [OSError("locked"), ValueError("ours")])
def test_a_page_that_said_hello_gets_its_snapshot_though_the_first_one_failed(
    sending: Callable[[Pages], Sender], failures: list[str], error: Exception
) -> None:
    pages = Pages(Feed(error, error))
    sending(pages)
    assert wait_for(pages, "snapshot")["state"] == {"all": True}
    assert failures == ([] if isinstance(error, OSError) else ["view run: ours"] * 2)


def test_a_reply_that_cannot_be_sent_silences_nothing(
    sending: Callable[[Pages], Sender], failures: list[str]
) -> None:
    pages = Pages(Feed())
    one = sending(pages)
    wait_for(pages, "snapshot")
    pages.breaks = [RuntimeError("the line is gone")]
    one.hear(pages, {"kind": "do", "page": "one", "id": "first"})
    until = time.monotonic() + 10
    while not failures and time.monotonic() < until:
        time.sleep(0.01)
    one.hear(pages, {"kind": "do", "page": "one", "id": "second"})
    assert wait_for(pages, "reply")["id"] == "second"
    assert failures == ["view run: the line is gone"]


@pytest.mark.parametrize(
    "page", [None, "", 7, ["one"], "x" * 61, "../one", "one\n", "\x1b[2J"], ids=repr
)
def test_a_page_without_a_name_or_with_an_odd_one_is_not_heard(
    sending: Callable[[Pages], Sender], page: Any
) -> None:
    pages = Pages(Feed())
    one = sending(pages)
    wait_for(pages, "snapshot")
    one.hear(pages, {"kind": "do", "page": page, "id": "odd"})
    one.hear(pages, {"kind": "do", "page": "two", "id": "even"})
    assert wait_for(pages, "reply")["id"] == "even"
    assert list(pages.pages) == ["one", "two"]


def test_of_many_pages_the_newest_count(sending: Callable[[Pages], Sender]) -> None:
    pages = Pages(Feed())
    one = sending(pages)
    for n in range(1_000):
        one.hear(pages, {"kind": "hello", "page": f"p{n}"})
    assert (len(pages.pages), list(pages.pages)[-1]) == (sender.MOST_PAGES, "p999")


@pytest.mark.parametrize("name", [None, 7, "x" * 61, {"a": 1}], ids=repr)
def test_what_a_page_asks_under_an_odd_name_is_done_and_not_answered(
    sending: Callable[[Pages], Sender], name: Any
) -> None:
    pages = Pages(Feed())
    one = sending(pages)
    one.hear(pages, {"kind": "do", "page": "one", "id": name})
    one.hear(pages, {"kind": "do", "page": "one", "id": "one-r2"})
    assert wait_for(pages, "reply")["id"] == "one-r2"


class Counter(Feed):
    """A feed that has news, unless it is quiet, and counts how often it was looked at."""

    looks = 0
    quiet = False

    def patch(self) -> Row | None:
        self.looks += 1
        return None if self.quiet else {"set": {"looks": self.looks}}


def test_what_follows_news_gathers_for_a_tenth_of_a_second(
    sending: Callable[[Pages], Sender],
) -> None:
    pages = Pages(Counter())
    one = sending(pages)
    wait_for(pages, "snapshot")
    time.sleep(sender.EVERY)
    begun = time.monotonic()
    one.news()
    wait_for(pages, "patch")
    while time.monotonic() - begun < 1:
        one.news()
        time.sleep(0.001)
    patches = sum(message["kind"] == "patch" for message in pages.given)
    assert patches <= (time.monotonic() - begun) / sender.EVERY + 2


def test_without_news_a_view_is_looked_at_once_a_heartbeat(
    sending: Callable[[Pages], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "TICK", 30)
    feed = Counter()
    feed.quiet = True
    pages = Pages(feed)
    one = sending(pages)
    wait_for(pages, "snapshot")
    time.sleep(3 * sender.EVERY)
    looks = feed.looks
    time.sleep(5 * sender.EVERY)
    assert feed.looks == looks
    one.news()
    until = time.monotonic() + 10
    while feed.looks == looks and time.monotonic() < until:
        time.sleep(0.01)
    assert feed.looks > looks
