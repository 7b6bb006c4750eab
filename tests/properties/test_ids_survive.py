"""The same rows in another order, another split, another compression, another format give the same set of ids."""

import csv
import gzip
import io
import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.intake.batches import open_rows, transform_rows
from etl.job.load import parse_job

NAMES = ("message", "at", "whole", "number", "flag", "text")
MAPPING = """
type = { value = "t" }
entityType = { value = "message" }
messageId = "message"
createdAt = { column = "at" }
[event.properties]
text = "text"
"""
# Cells of CSV are text until `cast` says otherwise.
TYPED = 'whole = "whole"\nnumber = "number"\nflag = "flag"\n'
CAST = "".join(
    f'{name} = {{ column = "{name}", cast = "{cast}" }}\n'
    for name, cast in (("whole", "int"), ("number", "float"), ("flag", "bool"))
)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6) | st.sampled_from(
    ['a"b', "a,b", "a\nb", "a;b"]
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "message": words,
            "at": st.datetimes(datetime(2001, 1, 1), datetime(2023, 1, 1), timezones=st.just(UTC)),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "flag": st.none() | st.booleans(),
            "text": st.none() | words,
        }
    ),
    min_size=1,
    max_size=12,
)
TYPES = {
    "message": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "whole": pl.Int64(),
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "text": pl.String(),
}


def ids_of(folder: Path, paths: str, mapping: str) -> set[str]:
    job = parse_job(f'name = "j"\n[source]\npaths = ["{paths}"]\n[event]\n{mapping}', folder / "j.toml")
    source, plan = open_rows(job, datetime(2024, 1, 1, tzinfo=UTC))
    ids: list[str] = []
    for batch in transform_rows(source, plan, range(len(source.files))):
        assert not batch.malformed
        assert batch.transformed.rejects.height == 0, batch.transformed.rejects["reason"].to_list()
        ids += batch.transformed.events["id"].to_list()
    return set(ids)


def csv_text(some: list[dict[str, Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)
    for row in some:
        writer.writerow(["" if row[name] is None else cell_of(row[name]) for name in NAMES])
    return out.getvalue().encode()


def cell_of(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(rows, st.randoms(use_true_random=False))
def test_ids_are_those_of_the_rows_however_they_are_stored(
    given_rows: list[dict[str, Any]], chance: random.Random
) -> None:
    shuffled = chance.sample(given_rows, len(given_rows))
    cut = chance.randint(0, len(shuffled))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "whole.csv").write_bytes(csv_text(given_rows))
        (folder / "packed.csv.gz").write_bytes(gzip.compress(csv_text(shuffled)))
        for part, some in enumerate((shuffled[:cut], shuffled[cut:])):
            if some:
                (folder / f"part-{part}.csv").write_bytes(csv_text(some))
        frame = pl.DataFrame(shuffled, schema=TYPES)
        frame.write_parquet(folder / "typed.parquet", row_group_size=3)
        pl.concat([frame[:cut], frame[cut:]]).write_parquet(folder / "lz4.parquet", compression="lz4")
        expected = ids_of(folder, "whole.csv", MAPPING + CAST)
        assert len(expected) <= len(given_rows)
        for paths in ("packed.csv.gz", "part-*.csv"):
            assert ids_of(folder, paths, MAPPING + CAST) == expected
        for paths in ("typed.parquet", "lz4.parquet"):
            assert ids_of(folder, paths, MAPPING + TYPED) == expected
