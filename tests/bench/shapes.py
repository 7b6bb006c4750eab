"""Files whose rows are of another shape than the benchmark's own: large, wide, or of a dictionary with millions of
values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TIME = "2023-01-01T00:00:00Z"
VALUES = 2_000_000
JOB = """\
name = "shapes"

[source]
paths = ["{file}"]

[event]
entityType = {{ value = "message" }}
type = {{ value = "assistant_message_copied" }}
messageId = "id"
createdAt = "created"

[event.properties]
"*" = true

[upload]
overlap = "send"
endpoint = "{endpoint}"
rate = "max"
"""


@dataclass(frozen=True)
class Shape:
    """A kind of file, written with `rows` rows and with four times as many."""

    name: str
    rows: int
    suffix: str
    fill: Callable[[Path, int], None]

    def write(self, folder: Path, rows: int, endpoint: str) -> Path:
        """Write a file of `rows` rows and a job for it; return the job."""
        file = folder / f"shape.{self.suffix}"
        self.fill(file, rows)
        job = folder / "shapes.toml"
        job.write_text(JOB.format(file=file, endpoint=endpoint), encoding="utf-8")
        return job


def write_texts(row_bytes: int) -> Callable[[Path, int], None]:
    """Return what writes CSV with a text of `row_bytes` in each row."""

    def fill(path: Path, rows: int) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write("id,created,text\n")
            for row in range(rows):
                file.write(f"{row},{TIME},{f'{row} and more of it '.ljust(20, '.') * (row_bytes // 20)}\n")

    return fill


def write_wide(path: Path, rows: int) -> None:
    """Write CSV of 1,000 columns."""
    columns = range(1_000)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["id", "created", *(f"c{column}" for column in columns)]) + "\n")
        for row in range(rows):
            file.write(
                ",".join([str(row), TIME, *(f"value{row * column % 9_973}" for column in columns)]) + "\n"
            )


def write_dictionary(path: Path, rows: int) -> None:
    """Write Parquet with a column that stands for one of two million values in each row."""
    values = pa.array([f"a value that a dictionary holds once, number {value}" for value in range(VALUES)])
    indices = pa.array([row * 7_919 % VALUES for row in range(rows)], pa.int32())
    table = pa.table(
        {
            "id": pa.array(range(rows)).cast(pa.string()),
            "created": pa.array([TIME]).take(pa.array([0] * rows)),
            "text": pa.DictionaryArray.from_arrays(indices, values),
        }
    )
    pq.write_table(table, path)


SHAPES = (
    Shape("rows of 20 kB", 5_000, "csv", write_texts(20_000)),
    Shape("rows of 1 MB", 200, "csv", write_texts(1_000_000)),
    Shape("1,000 columns", 5_000, "csv", write_wide),
    Shape("a dictionary of 2 million values", 500_000, "parquet", write_dictionary),
)
