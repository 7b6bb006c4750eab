from pathlib import Path

import pytest

from etl.report.status import standing_lines
from etl.report.summary import format_duration, summary_lines
from etl.typed import JobName
from etl.values.books import Books
from etl.values.outcome import Outcome
from etl.values.status import Standing

BOOKS = Books(read=1_010, delivered=1_000, rejected=5, duplicate=2, skipped=3)


def test_a_summary_shows_the_books_and_where_to_look() -> None:
    outcome = Outcome(
        "docs", "complete", 3, BOOKS, {"malformed_record": 5}, sent_now=1_000, attempts=1_002, retries=2, resent=1,
        send_seconds=10.0, reports=(Path("rejects.csv"),), loads=(1,),
    )  # fmt: skip
    assert list(summary_lines(outcome, JobName("my job.toml", sandbox=True))) == [
        "docs: complete, with rejects",
        "  read       1,010",
        "  delivered  1,000",
        "  rejected       5  malformed_record 5",
        "  duplicate      2",
        "  skipped        3",
        "  pending        0",
        "  the books balance: read = delivered + rejected + duplicate + skipped + pending",
        "  sent 1,000 now in 10 s (100/s), 1,002 attempts, 2 retries, 1 re-sent after a lost answer",
        "Rejects, with every original column: rejects.csv",
        "See them by cause: backfill rejects 'my job.toml' --sandbox",
    ]


def test_books_that_do_not_balance_are_shouted_about() -> None:
    outcome = Outcome("docs", "complete", 0, Books(read=1), loads=(1,))
    assert any("THE BOOKS DON'T BALANCE" in line for line in summary_lines(outcome, JobName("j.toml")))


def test_a_summary_without_a_load_says_why() -> None:
    assert list(
        summary_lines(Outcome("docs", "failed", 4, message="Expected a", fix="Do b"), JobName("j"))
    ) == [
        "Expected a",
        "Do b",
    ]
    assert (
        list(summary_lines(Outcome("docs", "complete", 0, notes=("row 1: left",)), JobName("j")))[1]
        == "row 1: left"
    )
    assert "nothing new" in next(iter(summary_lines(Outcome("docs", "complete", 0), JobName("j"))))


def test_a_running_job_shows_how_far_and_how_long() -> None:
    standing = Standing(
        "docs", "running", Books(read=1000, delivered=499, pending=501), phase="sending", events_per_second=100.0,
        seconds_left=5.0, pid=7, attempts=500,
    )  # fmt: skip
    assert (
        next(iter(standing_lines(standing, JobName("j"))))
        == "docs: running, sending, 49.9% of 1,000 rows settled, 100/s, 5.0 s left, pid 7"
    )


def test_a_hundred_percent_is_said_only_where_nothing_is_pending() -> None:
    almost = Standing("docs", "incomplete", Books(read=1_000_000, delivered=999_999, pending=1))
    assert "99.9% of" in next(iter(standing_lines(almost, JobName("j"))))
    assert "100% of" in next(
        iter(standing_lines(Standing("docs", "complete", Books(read=1, delivered=1)), JobName("j")))
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (12.3, "12 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (18_720, "5 h 12 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
