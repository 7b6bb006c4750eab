"""The SHA-256 of ids, sorted by their UTF-8 bytes, one a line with a line feed after each: anyone can compute it again.

Memory is flat: ids are dealt into ranges on disk, each small enough to be sorted, in the order of the ranges.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

from etl.private import open_private

__all__ = ["digest_ids"]

RANGE_IDS: Final = 1_000_000
_SAMPLE_IDS: Final = 500
_SCHEMA: Final = pa.schema([("id", pa.large_string())])

ReadIds = Callable[[], pl.Series]


def digest_ids(
    parts: Iterable[ReadIds],
    count: int,
    scratch: Path,
    *,
    range_ids: int = RANGE_IDS,
    out: BinaryIO | None = None,
) -> str:
    """Return the digest, in hex, of the `count` ids that `parts` read; each is called twice.

    What the digest is of goes to `out`, too, where that is given.

    `scratch` is an empty private folder, whose files are the caller's to remove. Raises `OSError`.
    """
    readers = list(parts)
    digest = hashlib.sha256()
    if count <= range_ids:
        _add(digest, out, pl.concat([pl.Series("id", [], pl.String), *(read() for read in readers)]))
        return digest.hexdigest()
    bounds = _find_bounds(readers, -(-count // range_ids))
    paths = [scratch / f"ids-{number:05d}.arrow" for number in range(len(bounds) + 1)]
    _deal(readers, bounds, paths)
    for path in paths:
        with pa.OSFile(str(path)) as file, ipc.open_stream(file) as reader:
            ids = pl.from_arrow(reader.read_all())
        assert isinstance(ids, pl.DataFrame)
        _add(digest, out, ids["id"])
    return digest.hexdigest()


def _find_bounds(readers: list[ReadIds], ranges: int) -> pl.Series:
    """Return the first ids of every range but the first, from some ids of every part."""
    some = pl.concat([read().gather_every(7)[:_SAMPLE_IDS].unique() for read in readers]).unique().sort()
    step = max(1, len(some) // ranges)
    return some.gather_every(step, offset=step)


def _deal(readers: list[ReadIds], bounds: pl.Series, paths: list[Path]) -> None:
    with ExitStack() as stack:
        writers = [
            stack.enter_context(ipc.new_stream(stack.enter_context(open_private(path)), _SCHEMA))
            for path in paths
        ]
        for number, ids in _split(readers, bounds):
            batch = pa.record_batch([pa.array(ids.to_arrow(), type=pa.large_string())], schema=_SCHEMA)
            writers[number].write_batch(batch)


def _split(readers: list[ReadIds], bounds: pl.Series) -> Iterator[tuple[int, pl.Series]]:
    for read in readers:
        ids = read()
        ranges = bounds.search_sorted(ids, side="right")
        for (number,), some in (
            pl.DataFrame({"range": ranges, "id": ids}).partition_by("range", as_dict=True).items()
        ):
            yield int(str(number)), some["id"]


def _add(digest: Any, out: BinaryIO | None, ids: pl.Series) -> None:
    for chunk in ids.sort().to_frame().iter_slices(50_000):
        lines = "".join(f"{event_id}\n" for event_id in chunk["id"]).encode()
        digest.update(lines)
        if out is not None:
            out.write(lines)
