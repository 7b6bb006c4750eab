from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.send.answer import Answer, FailureKind, TransportFailure
from etl.send.redact import Redactor
from etl.send.verdict import DELIVERED, Outcome, Verdict, classify_answer, classify_failure
from etl.values.reject import RejectCode

OUR_ID = "9d2f6a2e-5a0f-5a0f-8a0f-1234567890ab"
STORED = orjson.dumps({"id": OUR_ID, "type": "x"})


def classify(status: int, body: bytes = STORED, conflict: Any = "rejected", **headers: str) -> Verdict:
    return classify_answer(Answer(Redactor(), status, headers, body), OUR_ID, conflict)


def expected_outcome(status: int) -> tuple[Outcome, RejectCode | None, str | None]:
    """The table of the contract, written down a second time and the other way round."""
    if status in (200, 201):
        return Outcome.DELIVERED, None, None
    if status in range(202, 300):
        return Outcome.RETRY, None, None
    if status in range(300, 400) or status in (404, 405):
        return Outcome.STOP, None, "endpoint"
    if status in (401, 403):
        return Outcome.STOP, None, "key"
    if status in (408, 425, 429) or status in range(500, 600):
        return Outcome.RETRY, None, None
    if status == 409:
        return Outcome.REJECTED, RejectCode.CONFLICT, None
    return Outcome.REJECTED, RejectCode.SERVER_REJECTED, None


def test_every_status_means_what_the_contract_says() -> None:
    for status in range(200, 600):
        verdict = classify(status)
        assert (verdict.outcome, verdict.code, verdict.stops) == expected_outcome(status), status
        says_nothing_was_done = status in (501, 503, 505, 507, 511)
        assert verdict.is_uncertain == (
            202 <= status < 300 or (status >= 500 and not says_nothing_was_done)
        ), status


@pytest.mark.parametrize("body", [b"", STORED, b"<html>", b'{"code":"x"}'])
def test_a_body_changes_nothing_about_an_error(body: bytes) -> None:
    for status in range(300, 600):
        verdict = classify(status, body)
        assert (verdict.outcome, verdict.code, verdict.stops) == expected_outcome(status), status
        assert str(status) in verdict.reason


LIES = [
    b"",
    b"<html>ok</html>",
    b"null",
    b"true",
    b"17",
    b'"' + OUR_ID.encode() + b'"',
    b"[]",
    b"[" + STORED + b"]",
    b"{}",
    b'{"id":null}',
    b'{"id":17}',
    b'{"id":["' + OUR_ID.encode() + b'"]}',
    b'{"id":"another"}',
    b'{"ID":"' + OUR_ID.encode() + b'"}',
    b'{"data":' + STORED + b"}",
    STORED[:-1],
    STORED + b"x",
    b"\xff" + STORED,
    b'{"id":"\xff"}',
    b'{"id":"' + OUR_ID.upper().encode() + b'"}',
    b'{"id":"' + OUR_ID.encode() + b' "}',
    b"[" * 5000,
]


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", LIES)
def test_a_200_without_our_id_is_uncertain_and_retried(status: int, body: bytes) -> None:
    verdict = classify(status, body)
    assert verdict.outcome is Outcome.RETRY
    assert verdict.is_uncertain


@given(st.binary(max_size=300))
def test_no_other_bytes_count_as_delivered(body: bytes) -> None:
    assert classify(200, body).outcome is Outcome.RETRY


@given(st.text(min_size=1).filter(str.isprintable), st.dictionaries(st.text(), st.text()))
def test_any_object_with_our_id_counts_as_delivered(event_id: str, others: dict[str, str]) -> None:
    body = orjson.dumps(others | {"id": event_id})
    assert classify_answer(Answer(Redactor(), 200, {}, body), event_id, "rejected") is DELIVERED


def test_a_conflict_counts_as_delivered_where_the_job_says_so() -> None:
    assert classify(409, conflict="delivered").outcome is Outcome.DELIVERED
    assert classify(409, conflict="rejected").code is RejectCode.CONFLICT


def test_a_problem_document_is_read() -> None:
    body = orjson.dumps(
        {
            "title": "Bad",
            "status": 422,
            "detail": "type is required",
            "requestId": "req-1",
            "code": "unprocessable_entity",
            "error": {"code": "inner", "message": "inner"},
        }
    )
    verdict = classify(422, body)
    assert verdict.server_code == "unprocessable_entity"
    assert verdict.detail == "type is required"
    assert verdict.request_id == "req-1"
    assert verdict.reason == "422 unprocessable_entity: type is required"


def test_the_nested_error_the_title_and_a_header_stand_in_for_what_is_missing() -> None:
    verdict = classify(400, b'{"error":{"code":"bad_request","message":"no"}}', **{"x-request-id": "h-1"})
    assert (verdict.server_code, verdict.detail, verdict.request_id) == ("bad_request", "no", "h-1")
    assert classify(400, b'{"title":"T"}').detail == "T"
    assert classify(400, b"{}").reason == "400 Bad Request"
    assert classify(599, b"{}").reason == "599"


def test_a_body_that_is_no_problem_document_is_quoted() -> None:
    assert classify(400, b"<h1>\r\n nope\xff</h1>").detail == "<h1> nope\ufffd</h1>"


@given(
    st.sampled_from([400, 401, 404, 409, 422, 429, 500, 599]),
    st.one_of(
        st.binary(max_size=3000),
        st.dictionaries(
            st.sampled_from(["code", "detail", "title", "requestId", "error"]),
            st.one_of(
                st.text(max_size=2000),
                st.none(),
                st.integers(-(2**53), 2**53),
                st.booleans(),
                st.just({"code": ["x"]}),
            ),
        ).map(lambda value: orjson.dumps(value)),
    ),
)
def test_texts_of_the_server_are_bounded_and_clean(status: int, body: bytes) -> None:
    verdict = classify(status, body)
    for text in (verdict.detail, verdict.server_code, verdict.request_id):
        if text is not None:
            assert 0 < len(text) <= 500
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)
            text.encode()
    assert "\n" not in verdict.reason


def test_a_huge_detail_costs_its_first_words_only() -> None:
    verdict = classify(422, orjson.dumps({"detail": "a\x1b[31m\u202e" + "b" * 1_000_000}))
    assert verdict.detail is not None
    assert len(verdict.detail) == 500
    assert verdict.detail.startswith("a␛[31m\\u202ebb")
    assert verdict.detail.endswith("…")


@pytest.mark.parametrize("kind", FailureKind)
def test_no_answer_is_retried_but_a_bad_certificate_stops(kind: FailureKind) -> None:
    verdict = classify_failure(TransportFailure(Redactor(), kind, "details\nhere"))
    assert verdict.outcome is (Outcome.STOP if kind is FailureKind.TLS else Outcome.RETRY)
    assert verdict.stops == ("certificate" if kind is FailureKind.TLS else None)
    assert verdict.is_uncertain == (kind not in (FailureKind.TLS, FailureKind.CONNECT))
    assert verdict.reason.endswith("details here")
