"""Answers that prove nothing, have no end, quote the key or ask to wait for ever: for `make soak`.

Oracle: the run ends in time, without a traceback; its books balance and call delivered only what was answered well; no
event went there more often than may be; the key stands nowhere. Then the same destination answers well, and the same
command delivers the rest, each event once more. What is a passing fault is outlived by the run itself.
"""

import gzip
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.send.keyed import KEY, quotes_of
from tests.send.serving import serving
from tests.send.sink import OK_HEADERS, Reply, Request, Sink, stored
from tests.upload.test_key_quoted import quoting, texts_of
from tests.upload.test_stalling_hints import STALLING
from tests.workbench import Said, call, write_job

__all__ = ["try_hostile_answers", "try_stalling_hints"]

EVENTS: Final = 60
MOST_SECONDS: Final = 30.0
# The endpoint is none, or stopped being one.
FAULTS: Final = (2, 5)
# Two answers in a row that prove nothing end it; what is in flight meanwhile may be between them.
MOST_ATTEMPTS: Final = 4
# After so many, a passing fault is over.
PASSING: Final = 15
_ENDLESS: Final = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" + (
    b"%x\r\n%s\r\n"
)


def _endless(status: int) -> Reply:
    body = b'{"id":"' + b"a" * 12_000_000
    return Reply(raw=_ENDLESS % (status, len(body), body))


def _packed(request: Request) -> Reply:
    return Reply(headers={**OK_HEADERS, "content-encoding": "gzip"}, body=gzip.compress(request.body))


def _body(body: bytes, status: int = 200) -> Callable[[Request], Reply]:
    return lambda _: Reply(status, body=body)


def _quote(text: str) -> Callable[[Request], Reply]:
    return lambda _: quoting(400, text)


def _hint(headers: dict[str, str]) -> Callable[[Request], Reply]:
    return lambda request: Reply(headers=headers, body=request.body)


HOSTILE: Final[dict[str, Callable[[Request], Reply]]] = {
    "204": lambda _: Reply(204),
    "200 without a body": _body(b""),
    "201 and an array": _body(b"[]", 201),
    "a number for an id": _body(b'{"id":5}'),
    "null": _body(b"null"),
    "another id": _body(b'{"id":"somebody-elses"}'),
    "a page": _body(b"<html>moved</html>"),
    "half of JSON": lambda request: Reply(body=request.body[: len(request.body) // 2]),
    "garbage": _body(b'{"id":\xff\x00' * 1000),
    "JSON a thousand deep": _body(b'{"id":' * 1000 + b"1" + b"}" * 1000),
    "compressed, unasked": _packed,
    "no end, 200": lambda _: _endless(200),
    "a redirect": lambda _: Reply(302, {"location": "http://127.0.0.1:1/events"}),
}
SICK: Final[dict[str, Callable[[Request], Reply]]] = {
    "no end, 500": lambda _: _endless(500),
    "64 KB of an error": _body(b"<p>&amp;%41=3D\\n</p>" * 3_500, 503),
    "torn down": lambda _: Reply(reset=True),
}


class _Trial(NamedTuple):
    """A destination: the first `good` events are answered well, up to `until` by `hostile`, then well again."""

    hostile: Callable[[Request], Reply]
    good: int = 0
    until: int = 1_000_000

    def answer(self, request: Request) -> Reply:
        return self.hostile(request) if self.good <= request.number < self.until else stored(request)


def try_hostile_answers() -> tuple[int, int, str]:
    """Return how many trials there were, how many runs ended early, and what was wrong with the first that was."""
    unproven = {f"{name}, after {good}": _Trial(HOSTILE[name], good) for name in HOSTILE for good in (0, 20)}
    sick = {
        f"{name}, after {good}": _Trial(SICK[name], good, good + PASSING) for name in SICK for good in (0, 20)
    }
    quotes = {f"the key, {form}": _Trial(_quote(text)) for form, text in quotes_of(KEY).items()}
    return _try({**unproven, **sick, **quotes})


def try_stalling_hints() -> tuple[int, int, str]:
    """Return the same of successes whose headers would have the run stand still."""
    return _try(
        {
            f"{name}, after {good}": _Trial(_hint(headers), good)
            for name, (headers, _) in STALLING.items()
            for good in (0, 20)
        }
    )


def _try(trials: dict[str, _Trial]) -> tuple[int, int, str]:
    early, problem = 0, ""
    os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"] = KEY
    try:
        for name, trial in trials.items():
            with tempfile.TemporaryDirectory(prefix="soak-answers-") as folder:
                with serving(trial.answer) as sink:
                    job = write_job(Path(folder), EVENTS)
                    began_at = time.monotonic()
                    said = call("run", "--json", "--quiet", "--endpoint", sink.url, job)
                    seconds = time.monotonic() - began_at
                    faults = _faults_of(trial, job, said, sink)
                    wrong = next(faults, "") if seconds < MOST_SECONDS else f"took {seconds:.0f} s"
                early += said.code in FAULTS
            problem = problem or (f"{name}: {wrong}" if wrong else "")
    finally:
        del os.environ["INKEEPANALYTICS_API_INTEGRATION_KEY"]
    return len(trials), early, problem


def _faults_of(trial: _Trial, job: Path, said: Said, sink: Sink) -> Iterator[str]:
    if "Traceback" in said.err or not said.out:
        yield f"exit {said.code}: {said.err[-80:]}"
        return
    rows = json.loads(said.out)["rows"]
    if rows["read"] != sum(
        rows[word] for word in ("delivered", "rejected", "duplicate", "skipped", "pending")
    ):
        yield f"the books: {rows}"
    texts = texts_of(job.parent) | {"screen": (said.out + said.err).encode()}
    for form in (KEY, *quotes_of(KEY).values()):
        yield from (f"the key in {place}" for place, text in texts.items() if form.encode() in text)
    most = max(Counter(sink.ids).values())
    if said.code == 3:  # a status that refuses the rows
        yield from [] if rows["rejected"] == EVENTS and most == 1 else [f"{rows}, one was sent {most} times"]
    elif said.code == 0:  # outlived, or a success that proves what it should
        yield from (
            [] if rows["delivered"] == EVENTS and most <= PASSING else [f"{rows}, one was sent {most} times"]
        )
    elif said.code not in FAULTS or rows["rejected"] or most > MOST_ATTEMPTS:
        yield f"exit {said.code}, {rows}, one was sent {most} times: {said.err[-80:]}"
    else:
        yield from _faults_of_the_next_run(job, sink, rows["delivered"])


def _faults_of_the_next_run(job: Path, sink: Sink, delivered: int) -> Iterator[str]:
    before, sink.answer = Counter(sink.ids), stored
    again = call("run", "--json", "--quiet", "--endpoint", sink.url, job)
    more = Counter(sink.ids) - before
    if (
        again.code
        or len(set(sink.ids)) != EVENTS
        or more.total() != EVENTS - delivered
        or max(more.values()) > 1
    ):
        yield f"exit {again.code} once it answered well, with {more.total()} requests after {delivered} delivered"
