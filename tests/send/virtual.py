"""Virtual time: an event loop whose sleeps take none, and a server in memory, for what takes minutes."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from etl.send.account import SendProgress
from etl.send.answer import Answer, FailureKind, TransportFailure
from etl.send.redact import Redactor
from etl.send.sender import send_events
from etl.send.settings import Ends, SendSettings, Timing
from etl.values.delivery import Outgoing, Refusal, Settlement
from tests.send.sending import Sent, make_events

EPOCH = 1_700_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where all tasks wait for time, time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def skip(timeout: float | None) -> Any:
            assert timeout is not None, "every task waits for something that will never come"
            self._now += timeout
            return select(0)

        self._selector.select = skip  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


class Call(NamedTuple):
    """One request that reached the server: when, and whose."""

    at: float
    id: str
    status: int


Reply = tuple[int, dict[str, str]] | FailureKind


class VirtualServer:
    """Answers after `latency_seconds`; `answer` gets the time and the id, and says the status or how the attempt
    fails.
    """

    url = "https://virtual/events"

    def __init__(self, answer: Callable[[float, str], Reply], latency_seconds: float = 0.005) -> None:
        self.answer, self.latency_seconds = answer, latency_seconds
        self.calls: list[Call] = []
        self.most_at_once = self._under_way = 0

    async def post(self, body: bytes) -> Answer:
        now = asyncio.get_running_loop().time()
        event_id = body.decode().split('"')[3]
        reply = self.answer(now, event_id)
        self.calls.append(Call(now, event_id, 0 if isinstance(reply, FailureKind) else reply[0]))
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            await asyncio.sleep(self.latency_seconds)
        finally:
            self._under_way -= 1
        if isinstance(reply, FailureKind):
            raise TransportFailure(Redactor(), reply, "as the test says")
        return Answer(Redactor(), reply[0], reply[1], body)

    async def close(self) -> None:
        """Nothing to close."""


def send_virtually(
    server: VirtualServer,
    events: int | Iterable[Outgoing],
    *,
    seconds: float | None = None,
    progress: SendProgress | None = None,
    **settings: Any,
) -> Sent:
    """Send in virtual time, for so many seconds or to the end."""
    settled: list[Settlement] = []

    def settle(part: int, index: int, refusal: Refusal | None) -> None:
        settled.append(Settlement(part, index, refusal))

    async def use() -> Sent:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        if seconds is not None:
            loop.call_later(seconds, stop.set)
        report = await send_events(
            iter(make_events(events) if isinstance(events, int) else events),
            Ends(server, settle),
            SendSettings(**settings),
            stop=stop,
            progress=progress,
            timing=Timing(loop.time, lambda: EPOCH + loop.time(), random.Random(7)),
        )
        assert len(asyncio.all_tasks()) == 1
        return Sent(report, settled)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(use())
