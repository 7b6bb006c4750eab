"""Says what an answer means for its event and for the run.

Rule: pure, and exactly the outcome table of the events API's contract. A 200 proves nothing by itself: only
one whose JSON carries our id counts as delivered.

    200, 201 with our id             delivered
    2XX otherwise                    retry, uncertain: the event may be stored
    409                              delivered or rejected, as the job says
    401, 403                         stop: the key is refused
    404, 405, 3XX                    stop: the endpoint is wrong
    408, 425, 429, 501, 503, 505,
    507, 511                         retry: they say that it wasn't done
    5XX otherwise                    retry, uncertain: a gateway that lost the answer (502, 504), and a server that
                                     failed (500), say nothing of what was done before
    4XX otherwise                    rejected
    no connection                    retry; no trusted TLS connection: stop
    no whole answer on one           retry, uncertain
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final, Literal, NamedTuple

from etl.send.answer import Answer, FailureKind, TransportFailure
from etl.values.reject import RejectCode

__all__ = ["DELIVERED", "ConflictPolicy", "Outcome", "Verdict", "classify_answer", "classify_failure"]

ConflictPolicy = Literal["rejected", "delivered"]

_KEY_REFUSED: Final = frozenset({401, 403})
_ENDPOINT_WRONG: Final = frozenset({404, 405})
_TRANSIENT: Final = frozenset({408, 425, 429})
# RFC 9110, 4918, 6585: the method isn't known, the service is down, there is no room, the network wants a login.
_NOT_DONE: Final = frozenset({501, 503, 505, 507, 511})
_FAILURE_TEXT: Final = {
    FailureKind.CONNECT: "no connection",
    FailureKind.TLS: "no trusted TLS connection",
    FailureKind.TIMEOUT: "the answer never came",
    FailureKind.RESET: "the connection broke before the whole answer came",
    FailureKind.OTHER: "the request failed",
}


class Outcome(StrEnum):
    """What becomes of the event."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    RETRY = "retry"
    STOP = "stop"


class Verdict(NamedTuple):
    """The meaning of one attempt. `reason` is fit for a person; texts of the server are cleaned and without the key.

    `status` is 0 where no answer came. `is_uncertain`: the event may be stored although nothing proves it;
    `is_unproven`: that is because a success came without it.
    `stops` says what a stop is about.
    """

    outcome: Outcome
    status: int = 0
    reason: str = ""
    code: RejectCode | None = None
    server_code: str | None = None
    detail: str | None = None
    request_id: str | None = None
    is_uncertain: bool = False
    is_unproven: bool = False
    stops: Literal["key", "endpoint", "certificate"] | None = None


DELIVERED: Final = Verdict(Outcome.DELIVERED, 200)


def classify_answer(answer: Answer, event_id: str, conflict: ConflictPolicy) -> Verdict:
    """Return what the answer to the event with id `event_id` means."""
    if answer.proves(event_id):
        return DELIVERED
    if answer.status < 300:
        reason = f"expected the event in the answer, found {answer.status} with {answer.describe()}"
        return Verdict(Outcome.RETRY, answer.status, reason, is_uncertain=True, is_unproven=True)
    return _classify_error(answer, conflict)


def classify_failure(failure: TransportFailure) -> Verdict:
    """Return what an attempt without an answer means."""
    reason = f"{_FAILURE_TEXT[failure.kind]}: {failure.detail}"
    if failure.kind is FailureKind.TLS:
        return Verdict(Outcome.STOP, reason=reason, stops="certificate")
    return Verdict(Outcome.RETRY, reason=reason, is_uncertain=failure.kind is not FailureKind.CONNECT)


def _classify_error(answer: Answer, conflict: ConflictPolicy) -> Verdict:
    status, problem = answer.status, answer.problem()
    outcome, code, stops = _outcome_of(status, conflict)
    said = f"{status} {problem.code or _phrase(status)}".rstrip()
    reason = f"{said}: {problem.detail}" if problem.detail else said
    return Verdict(
        outcome,
        status,
        reason,
        code,
        problem.code,
        problem.detail,
        problem.request_id,
        is_uncertain=status >= 500 and status not in _NOT_DONE,
        stops=stops,
    )


def _outcome_of(
    status: int, conflict: ConflictPolicy
) -> tuple[Outcome, RejectCode | None, Literal["key", "endpoint"] | None]:
    if status in _KEY_REFUSED:
        return Outcome.STOP, None, "key"
    if status in _ENDPOINT_WRONG or status < 400:
        return Outcome.STOP, None, "endpoint"
    if status in _TRANSIENT or status >= 500:
        return Outcome.RETRY, None, None
    if status == 409:
        if conflict == "delivered":
            return Outcome.DELIVERED, None, None
        return Outcome.REJECTED, RejectCode.CONFLICT, None
    return Outcome.REJECTED, RejectCode.SERVER_REJECTED, None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
