"""Runs a send against a sink, and keeps what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from etl.send.account import SendProgress, SendReport
from etl.send.connect import open_transport
from etl.send.sender import send_events
from etl.send.settings import Ends, SendSettings
from etl.values.delivery import Outgoing, Refusal, Settlement

KEY = "CANARY-c0ffee"


def make_events(count: int) -> list[Outgoing]:
    return [
        (number // 1000, number % 1000, f"id-{number}", b'{"id":"id-%d","type":"x"}' % number)
        for number in range(count)
    ]


class Sent(NamedTuple):
    """The report of a send and the settlements it made, in order."""

    report: SendReport
    settled: list[Settlement]

    @property
    def delivered(self) -> set[tuple[int, int]]:
        return {
            (settlement.part, settlement.index) for settlement in self.settled if settlement.refusal is None
        }

    @property
    def refused(self) -> list[Settlement]:
        return [settlement for settlement in self.settled if settlement.refusal is not None]


async def send(
    url: str,
    events: int | Iterable[Outgoing],
    *,
    stop: asyncio.Event | None = None,
    progress: SendProgress | None = None,
    settle: Callable[[Settlement], Awaitable[None]] | None = None,
    timeout_seconds: float = 5.0,
    **settings: Any,
) -> Sent:
    """Send to `url`; every event is settled at most once."""
    settled: list[Settlement] = []
    seen: set[tuple[int, int]] = set()

    async def keep(part: int, index: int, refusal: Refusal | None) -> None:
        assert (part, index) not in seen
        seen.add((part, index))
        if settle is not None:
            await settle(Settlement(part, index, refusal))
        settled.append(Settlement(part, index, refusal))

    transport = open_transport(url, KEY, timeout_seconds)
    try:
        report = await send_events(
            iter(make_events(events) if isinstance(events, int) else events),
            Ends(transport, keep),
            SendSettings(**settings),
            stop=stop or asyncio.Event(),
            progress=progress,
        )
    finally:
        await transport.close()
    assert len(settled) == report.sent + report.refused
    assert KEY not in repr(report)
    return Sent(report, settled)
