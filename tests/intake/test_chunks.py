"""A frame comes from its reader in several chunks, and a filter leaves some of them empty: no row may depend on
that.
"""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from etl.intake.batches import open_rows
from etl.job.load import load_job

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROWS = 2_000
JOB = """\
name = "chunks"
[source]
paths = ["log.csv"]
{filter}
[event]
type = {{ column = "action", map = {{ copy = "copied", like = "liked" }} }}
entityType = "kind"
messageId = "message"
createdAt = "at"
[event.properties]
count = {{ column = "count", cast = "int" }}
page = {{ column = "page", cast = "json" }}
score = {{ column = "score", cast = "float" }}
tags = {{ column = "tags", split = ",", cast = "int" }}
[event.userProperties]
id = "user"
"""
GOOD = {
    "at": "2024-01-31T09:30:00Z",
    "action": "copy",
    "kind": "message",
    "count": "1",
    "message": "m",
    "page": "{}",
    "score": "1.5",
    "tags": "1,2",
}
FAULTS = [
    ("at", "2031-01-31T09:30:00Z", "timestamp_out_of_range"),
    ("at", "1700000000", "unparsable_timestamp"),
    ("at", "nope", "unparsable_timestamp"),
    ("at", "", "missing_required"),
    ("at", "2024-01-31T09:30:60Z", "unparsable_timestamp"),
    ("action", "paste", "unmapped_value"),
    ("kind", "chat", "unknown_entity_type"),
    ("message", "", "missing_required"),
    ("count", "x", "unparsable_value"),
    ("page", "{", "invalid_json"),
    ("score", "inf", "number_not_finite"),
    ("tags", "1,x", "unparsable_value"),
]


def write_log(folder: Path, column: str, value: str, bad: range, *, where: str = "") -> Path:
    numbers = pl.int_range(ROWS, eager=True)
    rows = pl.DataFrame({"id": numbers.cast(pl.String), "user": (numbers % 7).cast(pl.String)})
    rows = rows.with_columns(pl.lit(text).alias(name) for name, text in GOOD.items())
    is_bad = numbers.is_between(bad.start, bad.stop - 1)
    rows = rows.with_columns(pl.when(is_bad).then(pl.lit(value)).otherwise(column).alias(column))
    rows.write_csv(folder / "log.csv")
    job = folder / "chunks.toml"
    job.write_text(JOB.format(filter=f'[filter]\nsql = "{where}"' if where else ""))
    return job


@pytest.mark.parametrize("is_dry", [True, False])
@pytest.mark.parametrize("bad", [range(ROWS // 2), range(ROWS // 2, ROWS), range(ROWS)], ids=str)
@pytest.mark.parametrize(("column", "value", "code"), FAULTS)
def test_rows_that_fail_together_are_rejects_with_their_reason(
    tmp_path: Path, column: str, value: str, code: str, bad: range, is_dry: bool
) -> None:
    job = load_job(write_log(tmp_path, column, value, bad))
    source, plans = open_rows(job, NOW, with_source=not is_dry, is_dry=is_dry)
    (batch,) = source.batches(0)
    assert max(batch.frame.n_chunks("all")) > 1
    done, even = plans.of(0).apply(batch.frame), plans.of(0).apply(batch.frame.rechunk())
    assert set(done.rejects["code"]) == {code}
    assert done.rejects["row"].to_list() == [row + 1 for row in bad]
    assert done.rejects["reason"].null_count() == 0
    assert done.rejects.equals(even.rejects)
    assert done.events.equals(even.events)


@pytest.mark.parametrize("where", [f"CAST(id AS INT) >= {ROWS // 2}", f"CAST(id AS INT) < {ROWS // 2}"])
@pytest.mark.parametrize(("column", "value", "code"), FAULTS)
def test_rows_that_are_skipped_together_leave_the_others_as_they_are(
    tmp_path: Path, column: str, value: str, code: str, where: str
) -> None:
    job = load_job(write_log(tmp_path, column, value, range(ROWS // 3, ROWS), where=where))
    source, plans = open_rows(job, NOW)
    (batch,) = source.batches(0)
    done, even = plans.of(0).apply(batch.frame), plans.of(0).apply(batch.frame.rechunk())
    assert done.skipped == ROWS // 2
    assert set(done.rejects["code"]) == {code}
    assert done.rejects.equals(even.rejects)
    assert done.events.equals(even.events)
