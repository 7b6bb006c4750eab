"""Signals outside the sending loop: the first stops the work in hand, the second ends the process at once.

While events are sent, the loop has handlers of its own (`etl.upload.sending`).
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, Final, TypeVar

from etl.errors import StateError

__all__ = [
    "SIGNALS",
    "Interrupted",
    "exit_at_once",
    "handles_signals",
    "heeded_signals",
    "interruptible",
    "run_cancellable",
]

T = TypeVar("T")

# A terminal that is closed hangs up: to the run that is a signal as any other, unless `nohup` has it ignored.
SIGNALS: Final[tuple[signal.Signals, ...]] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# How long the work in hand may take to end after a signal: a job's own function can't be broken off in another thread.
PATIENCE_SECONDS: Final = 4.5
MOST_CANCELLING_SECONDS: Final = 20.0


class Interrupted(BaseException):
    """The first signal came; `number` says which. No `except Exception` on its way may hold it up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_at_once(number: int) -> None:
    """End the process. What is settled is durable and the rest is pending, so nothing is lost by not saying goodbye."""
    with suppress(OSError):  # closed or full
        os.write(2, b"stopped at once: run the same command again to go on\n")
    os._exit(128 + number)


def handles_signals() -> bool:
    """Whether this thread may set signal handlers: only the main thread may, in Python."""
    return threading.current_thread() is threading.main_thread()


def heeded_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that a run drains for; a hang-up that its starter has ignored (`nohup`) stays ignored."""
    return tuple(
        number
        for number in SIGNALS
        if number.name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN
    )


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Raise `Interrupted` in the block at the first SIGINT, SIGTERM or SIGHUP; end the process at the second.

    What the signal became on its way (an error of a job's own function, or of Polars around it) is taken for what it
    is; where such a function swallowed it, the callable that the block gets raises it again. Python runs a handler only
    between two steps of its own, and a step of Polars may take seconds: the second signal is therefore heeded by a
    thread, which the kernel tells of it at once. That ends the process too where the block goes on too long after the
    first. In another thread than the main one, this does nothing.
    """
    if not handles_signals():
        yield lambda: None
        return
    noted: list[int] = []

    def raise_interrupted(number: int, _: FrameType | None) -> None:
        noted.append(number)
        raise Interrupted(number)

    def raise_noted() -> None:
        if noted:
            raise Interrupted(noted[0])

    with _listening():
        before = {number: signal.signal(number, raise_interrupted) for number in heeded_signals()}
        try:
            yield raise_noted
        except StateError:  # a fault of the disk must be told
            raise
        except Exception:
            raise_noted()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _listening() -> Iterator[None]:
    """End the process at the second signal, or when the block outlives the first by `PATIENCE_SECONDS`."""
    told, tells = socket.socketpair()
    tells.setblocking(False)

    def listen() -> None:
        if not (first := told.recv(1)):
            return
        told.settimeout(PATIENCE_SECONDS)
        try:
            second = told.recv(1)
        except TimeoutError:
            second = first
        if second:
            exit_at_once(second[0])

    wakeup = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        tells.close()
        listener.join()  # it hears that nobody tells any more
        told.close()


def run_cancellable(work: Coroutine[Any, Any, T]) -> tuple[T | None, int | None]:
    """Return what `work` returns and None, or None and the number of the signal that cancelled it.

    The second signal ends the process at once, as does work that isn't cancelled in time. In another thread than the
    main one no signal is heeded.
    """
    heard: list[int] = []

    def hear(number: int, task: "asyncio.Task[T]") -> None:
        if heard:
            exit_at_once(number)
        heard.append(number)
        task.cancel()
        # A thread that it waits for may never answer.
        asyncio.get_running_loop().call_later(MOST_CANCELLING_SECONDS, exit_at_once, number)

    async def watched() -> T:
        task = asyncio.ensure_future(work)
        if handles_signals():
            for number in heeded_signals():
                asyncio.get_running_loop().add_signal_handler(number, partial(hear, number, task))
        return await task

    try:
        return asyncio.run(watched()), None
    except asyncio.CancelledError:
        return None, heard[0] if heard else signal.SIGINT
