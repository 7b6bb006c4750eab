"""Sends what is pending of a load, and settles it in the ledger."""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from etl.interrupt import exit_at_once, handles_signals, heeded_signals
from etl.job.model import Job, MaxRejects, Rate
from etl.ledger.settler import Settler
from etl.sandbox.faults import CANNOT_STORE
from etl.send.account import SendProgress, SendReport
from etl.send.connect import open_transport
from etl.send.sender import send_events
from etl.send.settings import Ends, SendSettings
from etl.state.place import SANDBOX_MARK, Destination
from etl.upload.asker import Asker, asking
from etl.upload.audience import Audience, SendingCounts
from etl.upload.load_parts import LoadParts
from etl.upload.policy import UncertainPolicy
from etl.upload.run_options import SharedPace
from etl.values.books import Books
from etl.values.delivery import BEFORE_ALL, EventPlace, Outgoing
from etl.witness.asking import MOST_IN_FLIGHT, query_endpoint

__all__ = ["Sending", "SendingTerms", "next_at_once", "send_load"]

POLL_SECONDS = 0.25
# After the signal to stop: 4.5 s for the answers, and the rest for what was answered to be settled.
MOST_DRAIN_SECONDS = 20.0
# What is handed to the sender at once: the more, the faster it goes. What a killed run may have sent is hardly more.
LEAST_AT_ONCE: Final = 32
MOST_AT_ONCE: Final = 1_024
QUICK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class SendingTerms:
    """How a load is sent, and when that ends early.

    `policy` says what becomes of events that may be stored although nothing proves it. `limit` is how many events are
    sent at most. `rejects` are those that the load has by now, by code; `max_rejects` is how many it may have in the
    end. `stop`, once it is set, ends the sending as an interrupt does.
    """

    rate: Rate
    pace: SharedPace
    policy: UncertainPolicy
    limit: int | None
    rejects: Mapping[str, int]
    max_rejects: MaxRejects
    stop: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What one load's sending came to, and the signal that ended it early, if one did.

    `uncertain` events stay pending. Of those that were found there, `doubled` are so more than once, `altered` not as
    they were sent.
    """

    report: SendReport
    signal: int | None
    uncertain: int = 0
    doubled: int = 0
    altered: int = 0


def send_load(
    job: Job,
    destination: Destination,
    parts: LoadParts,
    audience: Audience,
    terms: SendingTerms,
) -> Sending:
    """Send the pending events of `parts` until all are settled or something says stop.

    Raises `StateError` where the ledger or a part fails, `EndpointError` and `KeyProblem` before anything is sent.
    """
    ledger, load = parts.ledger, parts.load
    work = _send(
        job,
        destination,
        parts,
        audience,
        terms,
        _choose_settings(job, destination, ledger.books(load), terms),
    )
    audience.watcher.sending(load, ledger.books(load), rate_per_second=terms.rate.per_second)
    sending = _run_watching_signals(work)
    terms.pace.note(destination, sending.report.carried)
    audience.watcher.settled(
        load,
        ledger.books(load),
        seconds=sending.report.elapsed_seconds,
        statuses=sending.report.statuses,
    )
    return sending


def _run_watching_signals(work: Coroutine[Any, Any, Sending]) -> Sending:
    if not handles_signals():
        return _run_loop(work)
    # A loop listens for signals through a file descriptor of its own, and leaves none set.
    wakeup = signal.set_wakeup_fd(-1)
    try:
        return _run_loop(work)
    finally:
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)


def _run_loop(work: Coroutine[Any, Any, Sending]) -> Sending:
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


async def _send(
    job: Job,
    destination: Destination,
    parts: LoadParts,
    audience: Audience,
    terms: SendingTerms,
    settings: SendSettings,
) -> Sending:
    ledger, load, key = parts.ledger, parts.load, destination.key or ""
    books = ledger.books(load)
    transport = open_transport(destination.endpoint, key, job.upload.timeout)
    reader = open_transport(query_endpoint(destination.endpoint), key, job.upload.timeout, MOST_IN_FLIGHT)
    now = SendProgress()
    counts = SendingCounts(books, terms.rejects)
    settler = Settler(ledger, load, on_commit=counts.add_committed)

    async def show() -> None:
        while True:
            if terms.stop is not None and terms.stop.is_set():
                interrupt.request()
            audience.show(load, counts, now)
            await asyncio.sleep(POLL_SECONDS)

    with ExitStack() as stack:
        interrupt = _Interrupt(asyncio.get_running_loop())
        stack.callback(interrupt.remove)
        showing = asyncio.create_task(show())
        try:
            offered = parts.offered()
            relied_on = parts.count_pending_through(offered) if ledger.notes.asks else 0
            await terms.policy.find_out(reader, interrupt.event, relied_on)
            ledger.notes.asks = int(terms.policy.asks)
            replaces = job.source.on_correction == "send"
            asker = Asker(parts, reader, terms.policy, now, counts.add_committed, replaces=replaces)
            try:
                async with asking(asker, parts, terms.policy) as (after, apart):
                    # Left to the garbage collector, it might be closed by its own thread, which can't wait for itself.
                    with closing(_pending_events(parts, after)) as events:
                        report = await send_events(
                            events,
                            Ends(transport, settler.take, apart),
                            settings,
                            stop=interrupt.event,
                            progress=now,
                        )
            finally:
                await settler.close()
            through = asker.through if apart else _resent_through(report, parts, offered)
            if through is not None and not report.unanswered:
                parts.note_uncertain_through(through)
        finally:
            showing.cancel()
            await transport.close()
            await reader.close()
    return Sending(report, interrupt.signal, asker.pending, asker.counts["doubled"], asker.counts["altered"])


def _resent_through(report: SendReport, parts: LoadParts, offered: EventPlace) -> EventPlace | None:
    """Return up to where events may be there after a send that asked for none, None where that isn't known better.

    Up to `offered` some may have been there before it.
    """
    if report.stopped not in (None, "limit"):
        return None
    return offered if parts.count_pending_through(offered) else BEFORE_ALL


def _choose_settings(job: Job, destination: Destination, books: Books, terms: SendingTerms) -> SendSettings:
    upload = job.upload
    return SendSettings(
        rate_per_second=terms.rate.per_second,
        concurrency=None if upload.concurrency == "auto" else upload.concurrency,
        conflict=upload.conflict,
        max_wait_seconds=upload.max_wait,
        limit=terms.limit,
        # With the settling after it, all of a drain ends within five seconds.
        drain_seconds=4.5,
        max_refused=lambda refused: terms.max_rejects.allows(books.rejected + refused, books.read),
        disk_status=CANNOT_STORE if destination.mark == SANDBOX_MARK else None,
        carried=terms.pace.find(destination),
    )


def _pending_events(
    parts: LoadParts, after: EventPlace, clock: Callable[[], float] = time.monotonic
) -> Generator[Outgoing, None, None]:
    """Yield the events past `after` that are not settled, part by part, each part checked before it is used.

    While some events are sent, a thread reads the next few, and makes it durable that they may be on the server, so
    that nothing in flight waits for them.
    """
    events = chain.from_iterable(parts.pending(after))
    at_once = LEAST_AT_ONCE

    def read() -> list[Outgoing]:
        if some := list(islice(events, at_once)):
            parts.note_offered(EventPlace(*some[-1][:2]))
        return some

    with ThreadPoolExecutor(1, "read") as pool:
        ahead = pool.submit(read)
        # A few events of one part: it takes as long as the disk takes to give them.
        while some := ahead.result():
            began_at = clock()
            ahead = pool.submit(read)
            yield from some
            at_once = next_at_once(at_once, clock() - began_at)


def next_at_once(at_once: int, seconds: float) -> int:
    """Return how many events to hand out at once, where the last so many were gone after `seconds`."""
    if seconds < QUICK_SECONDS:
        return min(2 * at_once, MOST_AT_ONCE)
    return max(at_once // 2, LEAST_AT_ONCE) if seconds > 4 * QUICK_SECONDS else at_once


class _Interrupt:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a request to drain; the second ends the process at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.event = asyncio.Event()
        self.signal: int | None = None
        self._loop = loop
        self._watchdog: asyncio.TimerHandle | None = None
        self._before = {number: signal.getsignal(number) for number in heeded_signals() if handles_signals()}
        for number in self._before:
            loop.add_signal_handler(number, self._take, number)

    def _take(self, number: int) -> None:
        if self.signal is not None:
            exit_at_once(self.signal)
        self.signal = number
        self.event.set()
        # What doesn't end by itself then, as a commit to a disk that doesn't answer, is left: it is as if killed.
        self._watchdog = self._loop.call_later(MOST_DRAIN_SECONDS, exit_at_once, number)

    def request(self) -> None:
        """Ask to drain, as the first signal does."""
        self.signal = self.signal or signal.SIGINT
        self.event.set()

    def remove(self) -> None:
        """Give the signals back to whoever had them."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        for number, handler in self._before.items():
            self._loop.remove_signal_handler(number)
            signal.signal(number, handler)
