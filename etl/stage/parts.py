"""Parts on disk: Parquet files of events and of rejects, written whole, fsynced, private; read by place.

Columns of an event part: `file` (position in the load), `row`, `id`, `body`, `created_at`, `type`, `entity_type`,
`source` (the original columns as JSON), and of a load that took over what another left unsettled `settled`. Of a reject
part: `file` and the columns of `etl.values.rows.REJECT_SCHEMA`.
"""

import errno
import hashlib
import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import StateError
from etl.private import explain_os_error, open_private
from etl.typed import type_command
from etl.values.delivery import Outgoing
from etl.values.staged import KeptFile

__all__ = [
    "SETTLED",
    "corrections_path",
    "damaged_part",
    "events_path",
    "explain_disk",
    "ids_path",
    "load_folder",
    "open_outgoing",
    "read_part",
    "refused_path",
    "rejects_path",
    "remove_parts",
    "renamed_path",
    "taken_path",
    "to_frame",
    "write_part",
]

# lz4 costs staging the least; parts live only until their load is complete.
COMPRESSION: Final = "lz4"
# A part is sent a row group at a time.
GROUP_BYTES: Final = 8 << 20
# The fate that a row of the part has in a load before it, which settled it; null where it is to be sent from here.
SETTLED: Final = "settled"
OUTGOING_AT_ONCE: Final = 1_024
# What NumPy says of an array that the disk took less than all of.
_SHORT_WRITE: Final = re.compile(r"\d+ requested and \d+ written")
_SYSTEM_ERROR: Final = re.compile(r"(?:os error|errno) (\d+)")


def load_folder(job_folder: Path, load: int) -> Path:
    """Where the parts of a load are."""
    return job_folder / "loads" / f"{load:06d}"


def events_path(folder: Path, part: int) -> Path:
    """Where an event part of the load in `folder` is."""
    return folder / f"events-{part:05d}.parquet"


def ids_path(folder: Path, part: int) -> Path:
    """Where the ids of a part are kept once its events may go."""
    return folder / f"ids-{part:05d}.parquet"


def rejects_path(folder: Path, number: int) -> Path:
    """Where a reject part of the load in `folder` is."""
    return folder / f"rejects-{number:05d}.parquet"


def corrections_path(folder: Path, number: int) -> Path:
    """Where rows are kept that came again with another content and aren't sent."""
    return folder / f"corrections-{number:05d}.parquet"


def renamed_path(folder: Path, mapping: str, number: int) -> Path:
    """Where delivered events are kept that have another id or content under `mapping`: `file`, `row`, `id`, `id_now`,
    `content_now`.
    """
    return folder / f"renamed-{hashlib.sha256(mapping.encode()).hexdigest()[:8]}-{number:05d}.parquet"


def taken_path(folder: Path) -> Path:
    """Where a load of retried rejects says which rejects it took: `load`, `file` (its name) and `row`."""
    return folder / "taken.parquet"


def write_part(frame: pl.DataFrame, path: Path) -> KeptFile:
    """Write `frame` as a private, durable Parquet file; return what it is known by.

    Raises `StateError` where the disk won't have it.
    """
    try:
        with open_private(path) as file:
            frame.write_parquet(
                file, compression=COMPRESSION, statistics=False, row_group_size=_rows_of_group(frame)
            )
            file.flush()
            os.fsync(file.fileno())
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            return KeptFile(path.name, size, hashlib.file_digest(file, "sha256").hexdigest())  # type: ignore[arg-type]  # a BinaryIO has readinto
    except (OSError, pl.exceptions.PolarsError) as error:
        raise explain_disk(error, path) from None


def _rows_of_group(frame: pl.DataFrame) -> int:
    texts = [column for column in frame.get_columns() if column.dtype == pl.String]
    groups = 1 + sum(int(text.str.len_bytes().sum()) for text in texts) // GROUP_BYTES
    return max(1, -(-frame.height // groups))


def read_part(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Return a part that is being staged, or some of its columns; raises `StateError` where it can't be read."""
    try:
        return to_frame(pq.read_table(path, columns=columns, memory_map=False))
    except (OSError, pa.ArrowException) as error:
        raise explain_disk(error, path) from None


def open_outgoing(
    path: Path, part: int, indices: list[int], *, size_bytes: int, sha256: str
) -> Iterator[Iterator[Outgoing]]:
    """Read a part now, and return its events at `indices`, which ascend, some at a time.

    Raises `StateError` where the part is gone, can't be read, or is not what was written.
    """
    try:
        # What was checked is what is sent: the file is read once, and unpacked from memory.
        written = path.read_bytes()
        if len(written) != size_bytes or hashlib.sha256(written).hexdigest() != sha256:
            raise damaged_part(path, "changed")
        file = pq.ParquetFile(pa.BufferReader(written))
    except FileNotFoundError:
        raise damaged_part(path, "gone") from None
    except (OSError, pa.ArrowException) as error:
        raise explain_disk(error, path) from None
    return _read_groups(file, path, part, indices)


def _read_groups(
    file: pq.ParquetFile, path: Path, part: int, indices: list[int]
) -> Iterator[Iterator[Outgoing]]:
    start = first = 0
    for group in range(file.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        last = bisect_left(indices, end, first)
        if last > first:
            try:
                frame = to_frame(file.read_row_group(group, columns=["id", "body"]))
            except (OSError, pa.ArrowException) as error:
                raise explain_disk(error, path) from None
            some = indices[first:last]
            if len(some) < frame.height:
                frame = frame[[index - start for index in some]]
            yield _iterate_outgoing(frame, part, some)
        start, first = end, last


def to_frame(table: pa.Table) -> pl.DataFrame:
    """Return an Arrow table as a frame."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _iterate_outgoing(frame: pl.DataFrame, part: int, indices: list[int]) -> Iterator[Outgoing]:
    # A few at a time: meanwhile nothing is sent.
    for start in range(0, len(indices), OUTGOING_AT_ONCE):
        some = frame.slice(start, OUTGOING_AT_ONCE)
        bodies = some["body"].cast(pl.Binary).to_list()
        numbers = indices[start : start + OUTGOING_AT_ONCE]
        yield from zip(repeat(part), numbers, some["id"].to_list(), bodies, strict=False)


def damaged_part(path: Path, found: str) -> StateError:
    """Return what a person reads of a part that is not as it was written: it is believed in no case."""
    return StateError(
        f"Expected the staged part as it was written, found it {found} - {path}",
        f"Restore it from a backup, or start the job over: {type_command('reset')}; it sends every event "
        "again with the same ids",
    )


def explain_disk(error: Exception, path: Path) -> StateError:
    """Return what a person reads when a part can't be written or read: what is safe, and what to do."""
    if isinstance(error, OSError) and error.errno is not None:
        return explain_os_error(error, path)
    reason = next(iter(str(error).splitlines()), "")[:200] or "unreadable"
    if _SHORT_WRITE.search(reason):
        return explain_os_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), path)
    # Polars and Arrow put the system's own error into a text.
    if found := _SYSTEM_ERROR.search(reason):
        number = int(found[1])
        return explain_os_error(OSError(number, os.strerror(number)), path)
    return StateError(
        f"Expected a part that can be written and read, found: {reason} - {path}",
        "Free space or mend the disk, then run the same command again: what was recorded is safe. Where the part "
        "itself is damaged: restore it from a backup, or start the job over: "
        f"{type_command('reset')}",
    )


def refused_path(folder: Path, part: int) -> Path:
    """Where the events of a part that the server refused are kept once the part may go."""
    return folder / f"refused-{part:05d}.parquet"


def remove_parts(folder: Path) -> None:
    """Remove the event parts of the load in `folder`, all of which are retired; that none is left is fine."""
    try:
        for path in folder.glob("events-*.parquet"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise explain_disk(error, folder) from None
