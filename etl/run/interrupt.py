"""Signals outside the sending loop: the first stops the work in hand, the second ends the process at once.

While events are sent, the loop has handlers of its own (`etl.run.sending`).
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["SIGNALS", "Interrupted", "exit_at_once", "handles_signals", "interruptible"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - it states a condition
    """The first signal came; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_at_once(number: int) -> None:
    """End the process. What is settled is durable and the rest is pending, so nothing is lost by not saying goodbye."""
    os.write(2, b"stopped at once: run the same command again to go on\n")
    sys.stderr.flush()
    os._exit(128 + number)


def handles_signals() -> bool:
    """Whether this thread may set handlers: Python lets the main one alone. A run elsewhere leaves signals to the program."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in the block at the first SIGINT or SIGTERM; end the process at the second.

    Python runs a handler only between two steps of its own, and a step of Polars may take seconds: the second signal is therefore
    heeded by a thread, which the kernel tells of it at once. In another thread than the main one, this does nothing.
    """
    if not handles_signals():
        yield
        return
    told, tells = socket.socketpair()
    tells.setblocking(False)
    heard: list[int] = []

    def listen() -> None:
        while number := told.recv(1):
            heard.append(number[0])
            if len(heard) > 1:
                exit_at_once(number[0])

    def raise_interrupted(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, raise_interrupted) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        tells.close()
        listener.join()
        told.close()
