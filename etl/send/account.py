"""The account a send gives of itself: progress meanwhile, a report after.

Rule: values only; whoever reads them formats them.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from etl.send.pacing import NOTHING_CARRIED, Carried
from etl.values.outcome import SendSample

__all__ = ["Latencies", "SendProgress", "SendReport", "SendState", "StopCause"]

SendState = Literal["sending", "paused", "probing", "stopping"]
StopCause = Literal[
    "key",
    "endpoint",
    "certificate",
    "outage",
    "interrupted",
    "limit",
    "rejects",
    "retries",
    "unproven",
    "unasked",
    "unreadable",
    "disk",
]


@dataclass(slots=True)
class SendProgress:
    """Where a send stands now. The sender writes it, anyone may read it at any time.

    `held` uncertain events are held apart now; `found_there` were found at the destination, `sent_again` weren't there.
    `refused_codes` counts what was refused by reject code, from the moment it goes to the ledger. `limit` is how many
    requests may be in flight; `wait_seconds` is how long a pause or the next probe is away, `asked` the header that a
    pause is for; `rate_per_second` is the rate kept, None for as fast as it goes.
    """

    delivered: int = 0
    refused: int = 0
    attempts: int = 0
    retries: int = 0
    resent: int = 0
    held: int = 0
    found_there: int = 0
    sent_again: int = 0
    in_flight: int = 0
    limit: int = 1
    state: SendState = "sending"
    wait_seconds: float = 0.0
    rate_per_second: float | None = None
    asked: str = ""
    refused_codes: Counter[str] = field(default_factory=Counter)


class Latencies(NamedTuple):
    """Round trips of answered requests, in seconds; 0 where there were none. Right to within a tenth."""

    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class SendReport:
    """What came of a send.

    `sent` counts delivered events, `refused` those the server rejected; every other event that was taken stays
    pending. `resent` counts attempts whose predecessor may have been stored although no answer proved it.
    `unanswered` requests were still out when the send ended; `statuses` counts answers by status, under 0 the
    attempts that got none. `stopped` is None where all events were settled. `carried` is for the next send to the same
    endpoint.
    Of uncertain events that were held apart, `found_there` were found at the destination, `sent_again` weren't there.
    """

    sent: int
    refused: int
    attempts: int
    retries: int
    resent: int
    unanswered: int
    stopped: StopCause | None
    stop_reason: str
    elapsed_seconds: float
    statuses: dict[int, int]
    latencies: Latencies
    max_in_flight: int
    timeline: list[SendSample]
    learned_rate_per_second: float | None
    carried: Carried = NOTHING_CARRIED
    found_there: int = 0
    sent_again: int = 0
