"""A year that the times don't say is that of the first row, and turns over in the order of the file."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import InputError
from etl.job.load import parse_job
from etl.read.source import open_source
from etl.read.years import year_in_name

JOB = """name = "y"
[source]
paths = ["{file}"]
[event]
type = {{ value = "t" }}
entityType = {{ value = "message" }}
messageId = "id"
createdAt = {{ column = "at", format = "%b %d %H:%M:%S", timezone = "UTC", year = {year} }}
"""


def years_of(folder: Path, times: list[datetime], year: str, file: str = "m.csv") -> list[int]:
    lines = (f"{time:%b %e %H:%M:%S},{number}" for number, time in enumerate(times))
    (folder / file).write_text("at,id\n" + "\n".join(lines) + "\n")
    newest = max(times).replace(tzinfo=UTC).timestamp() + 60
    os.utime(folder / file, (newest, newest))
    source = open_source(parse_job(JOB.format(file=file, year=year), folder / "j.toml"))
    return [int(text) for batch in source.batches(0) for text in batch.frame["(year)"]]


def test_a_log_of_three_years_turns_over_twice(tmp_path: Path) -> None:
    times = [datetime(2022, 11, 3) + timedelta(days=40 * step) for step in range(20)]
    right = [time.year for time in times]
    assert years_of(tmp_path, times, "2022") == right
    assert years_of(tmp_path, times, '"from-file-time"') == right
    assert years_of(tmp_path, times, '"from-file-name"', "log-2022.csv") == right


def test_a_log_with_the_newest_first_turns_back(tmp_path: Path) -> None:
    times = [datetime(2024, 2, 3) - timedelta(days=30 * step) for step in range(20)]
    right = [time.year for time in times]
    assert years_of(tmp_path, times, "2024") == right
    assert years_of(tmp_path, times, '"from-file-time"') == right


def test_rows_out_of_order_at_new_year_keep_their_years(tmp_path: Path) -> None:
    times = [datetime(2023, 12, 31), datetime(2024, 1, 1), datetime(2023, 12, 31, 23), datetime(2024, 1, 2)]
    assert years_of(tmp_path, times, "2023") == [2023, 2024, 2023, 2024]


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)),
    st.lists(st.integers(1, 40 * 86_400), min_size=1, max_size=40),
    st.booleans(),
)
def test_any_log_whichever_way_it_goes(
    tmp_path_factory: pytest.TempPathFactory, start: datetime, seconds: list[int], is_backward: bool
) -> None:
    times = [start.replace(microsecond=0)]
    for step in seconds:
        times.append(times[-1] + timedelta(seconds=-step if is_backward else step))
    right = [time.year for time in times]
    assert years_of(tmp_path_factory.mktemp("y"), times, str(right[0])) == right


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("messages-2024.log", 2024),
        ("logs/2023/app.log", 2023),
        ("app.20240131.log", 2024),
        ("report_202401.csv", 2024),
        ("host-120234.log", None),
        ("messages", None),
    ],
)
def test_the_year_in_the_name_of_a_file(name: str, year: int | None) -> None:
    assert year_in_name(name) == year


def test_a_name_without_a_year_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        years_of(tmp_path, [datetime(2024, 1, 1)], '"from-file-name"')
    assert str(told.value) == (
        "Expected a year in the file's name, as in messages-2024.log, found none - m.csv\n"
        "Say the year of the first row: year = 2024 in createdAt"
    )
