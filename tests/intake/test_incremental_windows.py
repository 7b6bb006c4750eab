"""Incremental jobs with a watermark, with `since` and `until`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from etl.sandbox.process import SandboxProcess
from tests.nights import counts, incremental
from tests.workbench import HEADER, row_of

WATERMARK = 'watermark = "at"\non_change = "restage"'


def at_hour(number: int) -> str:
    return (datetime(2024, 1, 31, tzinfo=UTC) + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def dated(numbers: Sequence[int]) -> str:
    return "\n".join([HEADER, *(row_of(n, at=at_hour(n)) for n in numbers)]) + "\n"


def test_a_rewritten_export_is_read_from_its_watermark_on_ties_included(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox, WATERMARK)
    nights.write("log.csv", dated([1, 2, 3]))
    nights.run()
    tie = row_of(30, at=at_hour(3))
    nights.write("log.csv", dated([2, 3, 4]) + tie + "\n")
    outcome = nights.run()
    assert counts(outcome) == (0, 4, 2, 1), "row 3 equals the mark, so its id decides"
    assert outcome.books.skipped == 1
    assert nights.sandbox.stats()["stored"] == 5
    nights.write("log.csv", dated([4, 5]))
    assert counts(nights.run()) == (0, 2, 1, 1)


def test_the_watermark_of_typed_files_is_kept_by_instant(tmp_path: Path, own_sandbox: SandboxProcess) -> None:
    nights = incremental(tmp_path, own_sandbox, WATERMARK)

    def write(hours: Sequence[int]) -> None:
        frame = pl.DataFrame(
            {
                "id": [f"{hour:05d}" for hour in hours],
                "at": [datetime(2024, 1, 31, tzinfo=UTC) + timedelta(hours=hour) for hour in hours],
                "action": ["q"] * len(hours),
                "query": [f"what is {hour}?" for hour in hours],
                "count": [1] * len(hours),
            }
        )
        frame.write_parquet(tmp_path / "log.parquet")

    write([9, 10])
    nights.run()
    write([8, 9, 10, 11])
    outcome = nights.run()
    assert (counts(outcome), outcome.books.skipped) == ((0, 4, 1, 1), 2)


def test_a_watermark_that_is_no_column_is_an_error_that_guesses(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox, 'watermark = "coumt"')
    nights.rows("log.csv", [1])
    outcome = nights.run()
    assert outcome.exit_code == 2
    assert outcome.message.startswith("Expected a column of the source, found `coumt` - ")
    assert outcome.fix == 'Set watermark = "count", or leave it out'


def test_the_watermark_of_a_load_that_was_given_up_does_not_count(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox, WATERMARK, max_rejects='"10%"')
    nights.write("log.csv", dated([1, 2]).replace(",q,", ",zoom,") + row_of(3, at=at_hour(3)) + "\n")
    assert nights.run().exit_code == 10
    incremental(
        tmp_path, own_sandbox, WATERMARK, max_rejects='"10%"', more=', zoom = "search_result_clicked"'
    )
    assert counts(nights.run()) == (0, 3, 3, 0)


def test_a_row_of_the_far_future_does_not_make_all_others_old(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    nights = incremental(tmp_path, own_sandbox, WATERMARK)
    nights.write("log.csv", dated([1]) + row_of(2, at="9999-12-31T00:00:00Z") + "\n")
    assert counts(nights.run()) == (3, 2, 1, 0)
    soon = datetime.now(UTC) + timedelta(minutes=10)
    nights.write("log-2.csv", f"{HEADER}\n{row_of(3, at=soon.isoformat())}\n")
    assert counts(nights.run()) == (0, 1, 1, 0)


def test_rows_outside_since_and_until_are_skipped_and_read_when_the_span_widens(
    tmp_path: Path, own_sandbox: SandboxProcess
) -> None:
    span = 'since = "2024-01-31T02:00:00Z"\nuntil = "{}"'
    nights = incremental(tmp_path, own_sandbox, span.format(at_hour(4)))
    nights.write("log.csv", dated([1, 2, 3, 4, 5]))
    outcome = nights.run()
    assert (counts(outcome), outcome.books.skipped) == ((0, 5, 2, 0), 3)
    assert nights.run().loads == ()
    incremental(tmp_path, own_sandbox, span.format(at_hour(3)))
    assert nights.run().loads == (), "a narrower span wants nothing that wasn't read"
    incremental(tmp_path, own_sandbox, span.format(at_hour(5)))
    wider = nights.run()
    assert (counts(wider), wider.books.skipped) == ((0, 5, 1, 2), 2)
    assert nights.run().loads == (), "once read it is known"
    incremental(tmp_path, own_sandbox)
    assert counts(nights.run()) == (0, 5, 2, 3)
    assert nights.run().loads == ()


def test_a_wider_span_reads_rows_below_the_watermark_too(tmp_path: Path, own_sandbox: SandboxProcess) -> None:
    nights = incremental(tmp_path, own_sandbox, f'{WATERMARK}\nsince = "{at_hour(3)}"')
    nights.write("log.csv", dated([1, 2, 3, 4]))
    assert counts(nights.run()) == (0, 4, 2, 0)
    incremental(tmp_path, own_sandbox, WATERMARK)
    assert counts(nights.run()) == (0, 4, 2, 2)
