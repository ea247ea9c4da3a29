"""Brings what happens to the live views: one thread per workbench, woken by news.

Jupyter's server drops messages above a thousand a second without a word. So the first change goes
at once, and what follows gathers for a tenth of a second and goes as one message (throttling).
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from sentient_kernel.errors import JournalError, NotFound, SentientError
from sentient_kernel.feeds.channel import Channel, Row
from sentient_kernel.ids import RunId

EVERY = 0.1
"""Seconds for which changes gather."""
AT_LEAST = 0.05
"""Seconds between two messages of changes to one view, whatever happens: at most 20 a second."""
TICK = 1.0
"""Seconds between looks at views when nothing new is stored: a kernel may have died without a
word.
"""
BEAT = 5.0
"""Seconds after which a view that was sent nothing hears that the kernel lives."""

REST = 5.0
"""Seconds for which a view that could not be made is left alone."""
LOCKED = 1.0
"""The same where the journal could not be read this moment."""

MOST_PAGES = 100
"""Pages that count as showing one view."""
_NAME = re.compile(r"[0-9A-Za-z_-]{1,60}")
"""What pages call themselves and their messages."""


class Sender:
    """Sends snapshots, changes and replies.

    Args:
        answer: Does what a page requests and returns the reply's fields. Runs on threads of its
            own. May raise SentientError: a refusal.
        failed: Told of what should not have happened: an exception, and where.
    """

    def __init__(
        self, answer: Callable[[Row], Row], failed: Callable[[Exception, str], None]
    ) -> None:
        self._answer = answer
        self._failed = failed
        self._channels: tuple[Channel, ...] = ()
        self._replies: deque[tuple[Channel, Row]] = deque()
        self._workers: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._news = self._hurry = False
        self._closing = self._closed = False
        self.heard = False
        """Whether any page has ever said anything: the front end shows live views."""
        self._thread: threading.Thread | None = None

    def add(self, channel: Channel) -> None:
        """Takes a view in; it is sent nothing before a page has said hello."""
        with self._lock:
            self._channels += (channel,)
            if self._thread is None and not self._closing:
                self._workers = ThreadPoolExecutor(2, thread_name_prefix="sentient-answers")
                self._thread = threading.Thread(
                    target=self._run, name="sentient-sender", daemon=True
                )
                self._thread.start()

    def hear(self, channel: Channel, message: Row) -> None:
        """Takes a message of a page in; any thread, returns at once. One whose page has no name, or
        an odd one, is dropped.
        """
        kind, page = message.get("kind"), message.get("page")
        if not (isinstance(page, str) and _NAME.fullmatch(page)):
            return
        self.heard = True
        if kind == "bye":
            channel.pages.pop(page, None)
            return
        if len(channel.pages) >= MOST_PAGES and page not in channel.pages:
            channel.pages.pop(min(channel.pages, key=lambda known: channel.pages[known]), None)
        channel.pages[page] = time.monotonic()
        if self._closed:
            # to whoever comes late: a cell that was out of sight, a page that was loaded again
            channel.give({"kind": "closed"})
        elif kind == "hello":
            channel.asked = True
            self._wake.set()
        elif kind in ("do", "need", "error") and self._workers is not None:
            with suppress(RuntimeError):  # closed this moment: the page is told so
                self._workers.submit(self._answer, message).add_done_callback(
                    lambda done: self._answered(channel, message, done)
                )

    def present(self, run: RunId) -> bool:
        """True when a page was heard lately in which a question of a run can be answered."""
        return any(
            channel.present
            for channel in self._channels
            if channel.feed.run == run or channel.view == "inbox"
        )

    def news(self) -> None:
        """Lets what may be new go out, with what else comes within a moment; any thread, returns at
        once.
        """
        if not self._news:
            self._news = True
            self._wake.set()

    def wake(self) -> None:
        """Lets changes go out without waiting for more."""
        self._hurry = True
        self._wake.set()

    def close(self) -> None:
        """Sends what there is, tells the views that nothing more will come, and stops; safe to call
        twice.
        """
        self._closing = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)
        if not self._closed:
            self._closed = True
            for channel in self._channels:
                if channel.pages:
                    channel.give({"kind": "closed"})

    def _answered(self, channel: Channel, message: Row, done: Future[Row]) -> None:
        error = done.exception()
        if error is None:
            reply = {"ok": True, **done.result()}
        elif isinstance(error, SentientError):
            reply = {"ok": False, "message": error.message, "hint": error.hint}
        else:
            reply = {
                "ok": False,
                "message": "This could not be done.",
                "hint": "The error is in wb.errors.",
            }
            if isinstance(error, Exception):
                self._failed(error, f"view {channel.view}")
        if isinstance(name := message.get("id"), str) and _NAME.fullmatch(name):
            self._replies.append((channel, {**reply, "kind": "reply", "id": name}))
        self._wake.set()

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        last = more = False
        looked = time.monotonic()
        while not last:
            self._wake.wait(max(0.0, looked + EVERY - time.monotonic()) if more else TICK)
            self._wake.clear()
            last, now = self._closing, time.monotonic()  # what has changed up to then is still told
            look = last or self._hurry or now - looked >= (EVERY if self._news or more else TICK)
            if look:
                self._news = self._hurry = False
                looked = now
            for channel in self._channels:
                if channel.pages and now >= channel.rests_until:
                    self._tell(channel, look, now)
            while self._replies:
                to, reply = self._replies.popleft()
                try:
                    to.give(reply)
                except Exception as error:  # noqa: BLE001
                    # what cannot be sent to one page must not silence all views
                    self._failed(error, f"view {to.view}")
            more = self._news or any(channel.behind and channel.pages for channel in self._channels)

    def _tell(self, channel: Channel, look: bool, now: float) -> None:
        """Sends a view what it needs: everything, what has changed, or that the kernel lives."""
        whole, channel.asked = channel.asked, False
        try:
            if whole:
                message: Row | None = {"kind": "snapshot", "state": channel.feed.snapshot()}
            elif (look or channel.behind) and (self._closing or now - channel.sent >= AT_LEAST):
                news = channel.feed.patch()
                message = {"kind": "patch", **news} if news else None
                channel.behind = news is not None  # there may be more where this came from
            else:
                channel.behind = channel.behind or look
                message = None
            if message is None and now - channel.sent > BEAT:
                message = {"kind": "beat"}
            if message is not None:
                channel.give({**message, "now": round(time.time() * 1000)})
        except (JournalError, NotFound, OSError):
            # Closed, or full, or locked for long: shown as it was, looked at again.
            channel.asked, channel.rests_until = channel.asked or whole, now + LOCKED
        except Exception as error:  # noqa: BLE001
            # the border of drawing: one view that fails must not stop the others
            channel.asked, channel.rests_until = channel.asked or whole, now + REST
            self._failed(error, f"view {channel.view}")
