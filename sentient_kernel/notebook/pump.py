"""Clicks that arrive while a cell waits: the comm messages of widgets are served, all else is kept
in order and handed back.

A kernel handles one message of its shell channel after the other, so a click would stand behind the
cell that waits for it. There is no public way around that on the lines of ipykernel in use (6.29
and later, 7.0 to 7.4), so this module reads what waits by names that are ipykernel's own. All of
them stand in ``EVERY``, ``SIX``, ``SEVEN`` and ``ASKING`` and are looked for before each wait:
where one is gone, cells wait as they would without this module, and clicks come when the kernel
sees to them.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from operator import attrgetter
from typing import Any, Protocol

COMMS = frozenset({"comm_open", "comm_msg", "comm_close"})
TURN = 0.1
"""Seconds of serving after which the wait itself has its turn again."""

BREATH = 30
"""Milliseconds between looks for clicks while a question stands in the cell."""

EVERY = (
    "session.feed_identities",
    "session.deserialize",
    "shell_handlers",
    "get_parent",
    "set_parent",
    "_parent_ident",
    "_publish_status",
    "log.error",
)
SIX = ("shell_stream.flush", "msg_queue._queue")
"""ipykernel 6: its main thread reads the shell socket into a queue."""
PAIR = "shell_channel_thread.manager._shell_channel_to_main"
SEVEN = (
    f"{PAIR}.to_socket.recv_multipart",
    f"{PAIR}.to_stream._recv_callback",
    f"{PAIR}.to_stream.on_recv",
    f"{PAIR}.to_stream.flush",
    "io_loop.add_callback",
    "io_loop.asyncio_loop",
)
"""ipykernel 7: a thread reads the shell socket and sends to the main thread through a pair of
sockets.
"""
ASKING = ("stdin_socket.poll", "stdin_socket.recv_multipart", "session.send", "session.recv")
"""What a question in the cell goes by; clicks are served while it stands."""
CHANGED = (AttributeError, LookupError, TypeError, ValueError, RuntimeError, OSError)
"""What names that mean something else by now may raise."""


class Noted(Protocol):
    """What notes the interrupts of a wait."""

    seen: bool

    @property
    def noting(self) -> bool:
        """Whether an interrupt is noted and raises nowhere."""

    def raising(self) -> AbstractContextManager[None]:
        """Lets interrupts raise for a while."""


class Pump:
    """Serves comm messages for as long as a cell waits. A context manager, entered with interrupts
    noted.

    Args:
        kernel: The Jupyter kernel.
        interrupts: What notes the interrupts of the wait, which only the main thread can. Nothing
            is served where they may raise anywhere: a message in hand would be lost. One that ends
            a handler is noted there.
        awaiting: Whether the kernel's loop runs meanwhile, since the cell awaits.
    """

    def __init__(self, kernel: Any, interrupts: Noted, *, awaiting: bool = False) -> None:
        self._kernel = kernel
        self._interrupts = interrupts
        self._awaiting = awaiting
        self._line: _Line | None = None

    @property
    def late(self) -> bool:
        """Whether clicks may come no sooner than the cell's end."""
        loop_serves = (
            self._awaiting and getattr(self._kernel, "shell_channel_thread", None) is not None
        )
        return self._line is None and not loop_serves

    def __enter__(self) -> Pump:
        if self._interrupts.noting:
            self._line = _Line.enter(self._kernel, pause=self._awaiting)
        return self

    def __exit__(self, *_: object) -> None:
        line, self._line = self._line, None
        if line is not None:
            try:
                line.leave()
            except CHANGED:
                self._give_up()

    def step(self) -> None:
        """Serves what has arrived by now. Handlers may wait for runs themselves; whatever they
        raise is logged.
        """
        until = time.monotonic() + TURN
        while self._line is not None and not self._interrupts.seen and time.monotonic() < until:
            try:
                frames = self._line.take()
                if frames is None:
                    return
                self._serve(frames)
            except CHANGED:
                self._give_up()
                self.__exit__()

    def _give_up(self) -> None:
        _Line.broken = True
        self._kernel.log.error(
            "Clicks wait for the end of the cell from now on: this ipykernel is not known.",
            exc_info=True,
        )

    @property
    def asks(self) -> bool:
        """Whether :meth:`ask` can be used: clicks are served, and the kernel asks as expected."""
        return self._line is not None and _has(self._kernel, ASKING)

    def ask(self, prompt: str, over: Callable[[], bool]) -> str | None:
        """Asks for a line in the cell, as ``input()`` does, and serves clicks until it comes.

        Returns:
            The line, or None when the question is over without it, or an interrupt was noted.
            Raises EOFError.
        """
        kernel, stdin = self._kernel, self._kernel.stdin_socket
        _flush()
        while stdin.poll(0):  # answers to what is not asked any more
            stdin.recv_multipart()
        content = {"prompt": prompt, "password": False}
        kernel.session.send(
            stdin, "input_request", content, kernel.get_parent("shell"), ident=_ident(kernel)
        )
        while not self._interrupts.seen and not over():
            if stdin.poll(BREATH):
                _, reply = kernel.session.recv(stdin)
                line = str(reply["content"]["value"])
                if line == "\x04":
                    raise EOFError
                return line
            self.step()
        return None

    def _serve(self, frames: list[Any]) -> None:
        kernel = self._kernel
        ident, rest = kernel.session.feed_identities(frames, copy=False)
        try:
            message = kernel.session.deserialize(rest, copy=False)
        except ValueError:
            # sent twice, or its content is no JSON: the kernel would not handle it either
            kernel.log.error("Invalid message", exc_info=True)
            return
        before = (_ident(kernel), kernel.get_parent("shell"))
        _flush()  # what the cell has printed is the cell's
        kernel.set_parent(ident, message, channel="shell")
        try:
            kernel._publish_status("busy", "shell")
            self._handle(kernel.shell_handlers[message["header"]["msg_type"]], ident, message)
            _flush()
            # a widget holds back its next change until then
            kernel._publish_status("idle", "shell")
        finally:
            kernel.set_parent(*before, channel="shell")

    def _handle(self, handler: Any, ident: Any, message: Any) -> None:
        try:
            with _within_a_cell(self._kernel), self._interrupts.raising():
                handler(None, ident, message)
        except KeyboardInterrupt:
            self._interrupts.seen = True
        except Exception:
            self._kernel.log.error("Exception in message handler:", exc_info=True)


class _Line:
    """What stands behind the cell that waits. Waits within waits share one, so that what is kept
    stays in order.
    """

    open: _Line | None = None
    broken = False
    """Whether the names were there and did something else; then they are left alone."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self.waits = 0

    @staticmethod
    def enter(kernel: Any, *, pause: bool) -> _Line | None:
        """Returns the line of a kernel for one more wait, or None where its names are not known."""
        try:
            line = None if _Line.broken else _Line.open or _find(kernel)
            if line is not None and pause:
                line.pause()
        except CHANGED:
            return None
        if line is not None:
            _Line.open = line
            line.waits += 1
        return line

    def leave(self) -> None:
        """Ends a wait; the last one hands back what was kept."""
        self.waits -= 1
        if self.waits == 0:
            _Line.open = None
            self.hand_back()

    def take(self) -> list[Any] | None:
        """Takes the next comm message out of the line, as frames; None when there is none by
        now.
        """
        raise NotImplementedError

    def pause(self) -> None:
        """Keeps the kernel's loop from taking messages itself."""

    def hand_back(self) -> None:
        """Gives the kernel what was kept, as if it came now, and the loop its stream."""

    def is_comm(self, frames: list[Any]) -> bool:
        """Looks into a message without opening it."""
        session = self._kernel.session
        try:
            _, rest = session.feed_identities(frames, copy=False)
            return (
                session.deserialize(rest, content=False, copy=False)["header"]["msg_type"] in COMMS
            )
        except (
            LookupError,
            TypeError,
            ValueError,
        ):
            # a sign of the kernel to itself, or nothing that was signed
            return False


class _Six(_Line):
    """A queue of the kernel's own, from which comm messages are taken out of turn; all else stays
    where it is.
    """

    def __init__(self, kernel: Any) -> None:
        super().__init__(kernel)
        self._looked_at = -1

    def take(self) -> list[Any] | None:
        import zmq

        self._kernel.shell_stream.flush(zmq.POLLIN)
        queue = self._kernel.msg_queue._queue
        for item in [item for item in queue if item[0] > self._looked_at]:
            number, _, arguments = item
            self._looked_at = number
            if arguments and self.is_comm(list(arguments[0])):
                queue.remove(item)
                return list(arguments[0])
        return None


class _Seven(_Line):
    """A socket that is read here while the loop does not; what was kept goes the way that it would
    have gone from there.
    """

    def __init__(self, kernel: Any) -> None:
        super().__init__(kernel)
        pair = attrgetter(PAIR)(kernel)
        self._socket, self._stream = pair.to_socket, pair.to_stream
        self._receive = self._stream._recv_callback
        self._kept: list[list[Any]] = []
        self._tasks: set[asyncio.Future[Any]] = set()

    def take(self) -> list[Any] | None:
        import zmq

        while True:
            try:
                frames: list[Any] = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return None
            except zmq.ZMQError as error:
                raise OSError(str(error)) from error
            if self.is_comm(frames):
                return frames
            self._kept.append(frames)

    def pause(self) -> None:
        self._stream.on_recv(None)

    def hand_back(self) -> None:
        kept, self._kept = self._kept, []
        for frames in kept:  # each a task at once: before the stream can bring what came later
            task = asyncio.ensure_future(
                self._receive(frames), loop=self._kernel.io_loop.asyncio_loop
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._stream.on_recv(self._receive, copy=False)
        # its socket says only once that something is there
        self._kernel.io_loop.add_callback(self._stream.flush)


def _find(kernel: Any) -> _Line | None:
    """Returns the line of a kernel; None where one of the names is missing or no longer what it
    was.
    """
    if not _has(kernel, EVERY):
        return None
    handlers = [kernel.shell_handlers.get(kind) for kind in COMMS]
    if None in handlers or any(map(inspect.iscoroutinefunction, handlers)):
        return None
    if getattr(kernel, "shell_channel_thread", None) is None:
        return _Six(kernel) if _has(kernel, SIX) else None
    return (
        _Seven(kernel) if _has(kernel, SEVEN) and attrgetter(SEVEN[1])(kernel) is not None else None
    )


def _has(kernel: Any, names: tuple[str, ...]) -> bool:
    try:
        attrgetter(*names)(kernel)
    except (
        AttributeError,
        AssertionError,
    ):
        # the manager of subshells asserts on which thread it is asked for
        return False
    return True


@contextmanager
def _within_a_cell(kernel: Any) -> Iterator[None]:
    """Leaves out what IPython does before and after a cell: here one is running, and its plots are
    not to be drawn before it has ended.
    """
    callbacks = getattr(getattr(getattr(kernel, "shell", None), "events", None), "callbacks", {})
    held = {name: callbacks[name] for name in ("pre_execute", "post_execute") if name in callbacks}
    callbacks.update({name: [] for name in held})
    try:
        yield
    finally:
        for name, functions in held.items():
            functions.extend(callbacks[name])
            callbacks[name] = functions


def _ident(kernel: Any) -> Any:
    """Returns whom the kernel answers at the moment."""
    said = kernel._parent_ident["shell"]
    return said() if callable(said) else said


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
