"""Decides which fault, if any, meets an attempt to log an event or a query. Pure.

Never sleeps, reads a clock or touches a connection. `decide` is asked once an attempt, after its key was
found good. An attempt that it lets through counts as accepted; the thresholds ("after N") count those.
"""

import math
import zlib
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from random import Random
from typing import Final, Literal, NamedTuple

__all__ = [
    "CANNOT_STORE",
    "NO_FAULTS",
    "Decision",
    "Fault",
    "FaultState",
    "Faults",
    "LieKind",
    "RetryAfterKind",
    "decide",
    "is_down",
    "is_key_refused",
    "is_rejected",
    "rate_headers",
]

LieKind = Literal["html", "other-id", "empty", "truncated"]
RetryAfterKind = Literal["seconds", "date", "absurd", "garbage", "none"]

# The status where the store takes nothing: insufficient storage. It is no fault that was asked for.
CANNOT_STORE: Final = 507
_ABSURD_SECONDS: Final = 100 * 365 * 86_400


class Fault(StrEnum):
    """What befell an attempt."""

    RESET = "reset"
    DOWN = "down"
    KEY_REFUSED = "key-refused"
    RATE_LIMITED = "rate-limited"
    FAILED = "failed"
    REJECTED = "rejected"
    ANSWER_LOST = "answer-lost"
    LIE_HTML = "lie-html"
    LIE_OTHER_ID = "lie-other-id"
    LIE_EMPTY = "lie-empty"
    LIE_TRUNCATED = "lie-truncated"
    FORGOTTEN = "forgotten"
    ALTERED = "altered"
    DOUBLED = "doubled"


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults asked for. Shares are of 1; the default is a server without fault."""

    rate_per_second: float | None = None
    retry_after: RetryAfterKind = "seconds"
    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    fail_share: float = 0.0
    fail_status: int = 503
    fail_first: int = 0
    reset_share: float = 0.0
    lose_share: float = 0.0
    lie: LieKind | None = None
    lie_share: float = 0.0
    reject_share: float = 0.0
    refuse_key_after: int | None = None
    down_after: int | None = None
    down_seconds: float = math.inf
    dedupe: bool = True
    conflict: bool = False
    forget_share: float = 0.0
    alter_share: float = 0.0
    double_share: float = 0.0
    visible_after_seconds: float = 0.0
    page_rows: int = 1000
    stringify: bool = False
    query_rate_per_second: float | None = None
    refuse_queries: bool = False
    seed: int = 0

    @property
    def burst(self) -> float:
        """How many events the limiter takes at once: a second's worth."""
        return max(1.0, self.rate_per_second or 1.0)


NO_FAULTS: Final = Faults()


class FaultState(NamedTuple):
    """What the decisions remember. Times are seconds of the caller's monotonic clock."""

    attempts: int = 0
    accepted: int = 0
    tokens: float | None = None
    refilled_at: float = 0.0
    down_since: float | None = None


class Decision(NamedTuple):
    """What to do with one attempt: `status` answers it at once, unless None; `wait_seconds` delays any answer."""

    fault: Fault | None
    status: int | None
    wait_seconds: float
    retry_seconds: float = 0.0


def decide(faults: Faults, state: FaultState, now: float, rng: Random) -> tuple[Decision, FaultState]:
    """Return what befalls the attempt that arrives at `now`, and the state after it."""
    wait = faults.latency_seconds
    if faults.jitter_seconds:
        wait += rng.uniform(0.0, faults.jitter_seconds)
    state = _open_outage(faults, _refill(faults, state, now), now)._replace(attempts=state.attempts + 1)
    refusal = _refuse(faults, state, now, rng)
    if refusal is not None:
        fault, status = refusal
        retry_seconds = _seconds_to_token(faults, state) if fault is Fault.RATE_LIMITED else 0.0
        return Decision(fault, status, wait, retry_seconds), state
    if state.tokens is not None:
        state = state._replace(tokens=state.tokens - 1)
    if state.attempts <= faults.fail_first or _happens(faults.fail_share, rng):
        return Decision(Fault.FAILED, faults.fail_status, wait), state
    state = state._replace(accepted=state.accepted + 1)
    return Decision(_spoil_answer(faults, rng), None, wait), state


def is_rejected(faults: Faults, event_id: str) -> bool:
    """Whether the event is refused with 422: by its id, so that a retry is refused again."""
    if not faults.reject_share:
        return False
    return zlib.crc32(f"{faults.seed}:{event_id}".encode()) < faults.reject_share * 2**32


def is_key_refused(faults: Faults, state: FaultState) -> bool:
    """Whether the keys have been refused since enough events were accepted."""
    return faults.refuse_key_after is not None and state.accepted >= faults.refuse_key_after


def is_down(faults: Faults, state: FaultState, now: float) -> bool:
    """Whether the outage has begun and is not over yet."""
    return state.down_since is not None and now < state.down_since + faults.down_seconds


def rate_headers(
    faults: Faults, state: FaultState, decision: Decision, wall_now: float
) -> list[tuple[bytes, bytes]]:
    """Return the rate limit's headers of one answer, `Retry-After` among them where it is a 429."""
    if faults.rate_per_second is None or state.tokens is None:
        return []
    remaining = max(0, math.floor(state.tokens))
    reset_seconds = math.ceil((faults.burst - state.tokens) / faults.rate_per_second)
    fields = {
        "limit": math.floor(faults.burst),
        "remaining": remaining,
        "reset": reset_seconds,
    }
    headers = [
        (f"{prefix}-{name}".encode(), str(value).encode())
        for prefix in ("ratelimit", "x-ratelimit")
        for name, value in fields.items()
    ]
    if decision.fault is Fault.RATE_LIMITED:
        text = _retry_after_text(faults.retry_after, decision.retry_seconds, wall_now)
        headers += [(b"retry-after", text.encode())] if text is not None else []
    return headers


def _retry_after_text(kind: RetryAfterKind, wait_seconds: float, wall_now: float) -> str | None:
    match kind:
        case "seconds":
            return str(max(1, math.ceil(wait_seconds)))
        case "date":
            # Rounded up: an HTTP date has no fraction, and one that names the past says nothing.
            return formatdate(math.ceil(wall_now + max(1.0, wait_seconds)), usegmt=True)
        case "absurd":
            return str(_ABSURD_SECONDS)
        case "garbage":
            return "soon, perhaps"
        case "none":
            return None


def _refuse(faults: Faults, state: FaultState, now: float, rng: Random) -> tuple[Fault, int | None] | None:
    if _happens(faults.reset_share, rng):
        return Fault.RESET, None
    if is_down(faults, state, now):
        return Fault.DOWN, 503
    if is_key_refused(faults, state):
        return Fault.KEY_REFUSED, 401
    if state.tokens is not None and state.tokens < 1:
        return Fault.RATE_LIMITED, 429
    return None


def _spoil_answer(faults: Faults, rng: Random) -> Fault | None:
    if _happens(faults.lose_share, rng):
        return Fault.ANSWER_LOST
    if faults.lie is not None and _happens(faults.lie_share, rng):
        return Fault(f"lie-{faults.lie}")
    return None


def _happens(share: float, rng: Random) -> bool:
    return share > 0 and rng.random() < share


def _refill(faults: Faults, state: FaultState, now: float) -> FaultState:
    if faults.rate_per_second is None:
        return state
    if state.tokens is None:
        return state._replace(tokens=faults.burst, refilled_at=now)
    earned = max(0.0, now - state.refilled_at) * faults.rate_per_second
    return state._replace(tokens=min(faults.burst, state.tokens + earned), refilled_at=now)


def _open_outage(faults: Faults, state: FaultState, now: float) -> FaultState:
    if faults.down_after is None or state.down_since is not None or state.accepted < faults.down_after:
        return state
    return state._replace(down_since=now)


def _seconds_to_token(faults: Faults, state: FaultState) -> float:
    assert faults.rate_per_second is not None
    assert state.tokens is not None
    return (1 - state.tokens) / faults.rate_per_second
