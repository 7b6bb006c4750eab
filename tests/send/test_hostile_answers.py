"""Answers without an end, over both transports: what is read of them is bounded, and what they prove is nothing."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from etl.send.answer import MAX_ERROR_BYTES, MAX_EVENT_BYTES, Answer, FailureKind, TransportFailure
from etl.send.connect import TransportKind, open_transport
from tests.send.hostile import (
    Hostile,
    bomb,
    endless_body,
    endless_header,
    endless_headers,
    endless_hints,
    long_body,
)
from tests.send.sink import Reply, Sink
from tests.send.test_transport import BODY, KEY
from tests.workbench import ROOT

pytestmark = pytest.mark.parametrize("kind", ["pyreqwest", "httpx"])
# What the kernel and the client hold beyond what was asked for.
BUFFERED_BYTES = 16_000_000


def post(
    answer: Callable[[], Iterator[bytes]], kind: TransportKind, timeout_seconds: float = 5.0
) -> tuple[Answer, int]:
    """Return the answer to one body, and how much the server could send of it until the connection was closed."""

    async def use() -> tuple[Answer, int]:
        async with Hostile(answer) as server:
            transport = open_transport(server.url, KEY, timeout_seconds, 8, kind)
            try:
                got = await transport.post(BODY)
                for _ in range(100):
                    if server.closed:
                        break
                    await asyncio.sleep(0.02)
                assert server.closed, "the connection is still open"
            finally:
                await transport.close()
            return got, server.sent_bytes

    return asyncio.run(use())


def test_an_answer_without_an_end_is_left_after_its_bound(kind: TransportKind) -> None:
    answer, sent_bytes = post(partial(endless_body, 200), kind)
    assert not answer.is_whole
    assert not answer.proves("a")
    assert answer.describe() == "more than 8,000,000 bytes"
    assert sent_bytes < MAX_EVENT_BYTES + BUFFERED_BYTES


@pytest.mark.parametrize("status", [301, 400, 429, 500])
def test_an_error_without_an_end_is_known_by_its_beginning(kind: TransportKind, status: int) -> None:
    answer, sent_bytes = post(partial(endless_body, status), kind)
    assert (answer.status, answer.is_whole) == (status, False)
    assert answer.problem().detail == "a" * 499 + "…"
    assert sent_bytes < MAX_ERROR_BYTES + BUFFERED_BYTES


def test_an_answer_of_50_megabytes_that_says_so_is_not_read(kind: TransportKind) -> None:
    answer, sent_bytes = post(partial(long_body, 200, 50_000_000), kind)
    assert answer.describe() == "more than 8,000,000 bytes"
    assert sent_bytes < MAX_EVENT_BYTES + BUFFERED_BYTES


@pytest.mark.parametrize("size", [60, 65_536, 65_537, 200_000, MAX_EVENT_BYTES])
def test_the_stored_event_is_read_however_long_it_may_be(kind: TransportKind, size: int) -> None:
    body = b'{"id":"a","x":"' + b"e" * (size - 17) + b'"}'

    async def use() -> None:
        async with Sink(lambda _: Reply(body=body)) as sink:
            transport = open_transport(sink.url, KEY, 5, 4, kind)
            answers = await asyncio.gather(*(transport.post(BODY) for _ in range(4)))
            assert all(answer.is_whole and answer.proves("a") for answer in answers)
            await transport.post(BODY)
            assert sink.connections <= 4
            await transport.close()

    asyncio.run(use())


def test_a_byte_too_many_proves_nothing(kind: TransportKind) -> None:
    body = b'{"id":"a","x":"' + b"e" * (MAX_EVENT_BYTES - 16) + b'"}'

    async def use() -> Answer:
        async with Sink(lambda _: Reply(body=body)) as sink:
            transport = open_transport(sink.url, KEY, 5, 4, kind)
            try:
                return await transport.post(BODY)
            finally:
                await transport.close()

    assert not asyncio.run(use()).proves("a")


def test_a_compressed_body_is_not_opened(kind: TransportKind) -> None:
    answer, _ = post(partial(bomb, 200), kind)
    assert answer.is_whole
    assert answer.describe() == "a body in gzip, which was not asked for"
    answer, _ = post(partial(bomb, 400), kind)
    assert answer.problem().detail == "a body in gzip"


@pytest.mark.parametrize("answer", [endless_headers, endless_header, endless_hints])
def test_headers_without_an_end_are_no_answer_in_time(
    kind: TransportKind, answer: Callable[[], Iterator[bytes]]
) -> None:
    with pytest.raises(TransportFailure) as caught:
        post(answer, kind, 1.0)
    assert caught.value.kind in (FailureKind.RESET, FailureKind.OTHER, FailureKind.TIMEOUT)


MEASURE = """
import asyncio, resource, sys
from functools import partial
from etl.send.connect import open_transport
from tests.send.hostile import Hostile, endless_body

async def main(kind, url):
    transport = open_transport(url, "CANARY-c0ffee", 20, 128, kind)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = await asyncio.gather(*(transport.post(b'{"id":"a"}') for _ in range(128)))
    assert not any(answer.is_whole for answer in answers)
    del answers
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) // 1024)

asyncio.run(main(*sys.argv[1:]))
"""


def test_many_answers_without_an_end_take_little_memory_together(kind: TransportKind) -> None:
    async def use() -> int:
        async with Hostile(partial(endless_body, 500)) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", MEASURE, kind, server.url, cwd=ROOT, stdout=subprocess.PIPE
            )
            return int((await process.communicate())[0])

    # 128 beginnings of 64 KB, and what the clients read ahead.
    assert asyncio.run(use()) < 150
