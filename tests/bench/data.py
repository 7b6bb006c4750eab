"""Makes the benchmark's input: chat events in nine columns, about 100 bytes a row of CSV, 300 bytes of JSON an
event.
"""

from datetime import datetime
from pathlib import Path

import polars as pl

CHUNK_ROWS = 1_000_000
JOB = """\
name = "bench"

[source]
paths = ["{file}"]

[event]
entityType = {{ value = "message" }}
type = {{ column = "action", map = {{ copy = "assistant_message_copied", \
like = "assistant_positive_feedback_submitted", \
dislike = "assistant_negative_feedback_submitted", open = "assistant_message_inline_link_opened" }} }}
messageId = "message_id"
createdAt = "created"

[event.properties]
conversation = "conversation_id"
page = "page"
country = "country"
latency_ms = {{ column = "latency_ms", cast = "int" }}

[event.userProperties]
id = "user"

[upload]
overlap = "send"
endpoint = "{endpoint}"
rate = "{rate}"
concurrency = {concurrency}
"""


def make_rows(start: int, rows: int) -> pl.DataFrame:
    """Return rows `start` to `start + rows` of the input; each is another event."""
    number = pl.int_range(start, start + rows)
    actions = pl.lit(pl.Series(["copy", "like", "dislike", "open"]))
    countries = pl.lit(pl.Series(["US", "DE", "FR", "JP"]))
    return pl.select(number.alias("n")).select(
        message_id=pl.format("msg_{}", "n"),
        conversation_id=pl.format("conv_{}", pl.col("n") // 7),
        action=actions.gather(pl.col("n") % 4),
        created=(pl.lit(datetime(2023, 1, 1)) + pl.duration(seconds=pl.col("n") * 5)).dt.strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        ),
        user=pl.format("user_{}", pl.col("n") * 7919 % 100_003),
        page=pl.format("/docs/guide/section-{}", pl.col("n") % 977),
        country=countries.gather(pl.col("n") // 3 % 4),
        latency_ms=pl.col("n") * 31 % 5000,
        score=(pl.col("n") % 1000) / 8,
    )


def write_csv(path: Path, rows: int) -> None:
    """Write `rows` rows of CSV, a million at a time."""
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK_ROWS):
            make_rows(start, min(CHUNK_ROWS, rows - start)).write_csv(file, include_header=start == 0)


def write_parquet(path: Path, rows: int) -> None:
    """Write the same rows as Parquet."""
    make_rows(0, rows).write_parquet(path)


def write_job(
    folder: Path,
    file: Path,
    *,
    endpoint: str = "https://api.analytics.inkeep.com",
    rate: str = "max",
    concurrency: str = '"auto"',
) -> Path:
    """Write a job file for `file` into `folder`, and return its path."""
    path = folder / "bench.toml"
    path.write_text(
        JOB.format(file=file, endpoint=endpoint, rate=rate, concurrency=concurrency), encoding="utf-8"
    )
    return path
