"""Reads the files of a load: each is checked against what the ledger knows of it before it is believed.

Rule: what later decisions rest on comes through here. A file is hashed once, at its first use.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.stage.parts import (
    SETTLED,
    damaged_part,
    events_path,
    explain_disk,
    ids_path,
    refused_path,
    to_frame,
    write_part,
)
from etl.values.canonical import digest_body
from etl.values.staged import DELIVERED, KeptFile

__all__ = ["KeptFolder", "read_ids_at", "retire_part"]


class KeptFolder:
    """The folder of one load, and the files that the ledger says it holds.

    `is_listed`: the ledger knows them all. Where an older backfill staged the load it knows only its events; what else
    is there is then taken as it is.
    """

    def __init__(self, folder: Path, files: Iterable[KeptFile], *, is_listed: bool) -> None:
        self.folder = folder
        self._files = {file.name: file for file in files}
        self._is_listed = is_listed
        self._checked: set[str] = set()

    def has(self, path: Path) -> bool:
        """Whether the load has this file of its folder, be it gone or damaged."""
        return path.name in self._files or (not self._is_listed and path.exists())

    def read(
        self, path: Path, columns: Sequence[str] | None = None, *, if_there: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Return a part, or some of its columns, those of `if_there` where it has them.

        Raises `StateError` where it is gone, unreadable, or not as it was written.
        """
        try:
            with path.open("rb") as file:
                self._check(path, file)
                part = pq.ParquetFile(file)
                more = [name for name in if_there if name in part.schema_arrow.names]
                return to_frame(part.read(columns=None if columns is None else [*columns, *more]))
        except FileNotFoundError:
            raise damaged_part(path, "gone") from None
        except (OSError, pa.ArrowException) as error:
            raise explain_disk(error, path) from None

    def read_ids(self, part: int, columns: Sequence[str], *, if_there: Sequence[str] = ()) -> pl.DataFrame:
        """Return columns of the events of a part, from its own file or, where it gave way to its ids, from theirs."""
        ids = ids_path(self.folder, part)
        return self.read(ids if self.has(ids) else events_path(self.folder, part), columns, if_there=if_there)

    def _check(self, path: Path, file: BinaryIO) -> None:
        known = self._files.get(path.name)
        if known is None or path.name in self._checked:
            return
        size = os.fstat(file.fileno()).st_size
        if size != known.size_bytes or hashlib.file_digest(file, "sha256").hexdigest() != known.sha256:  # type: ignore[arg-type]
            raise damaged_part(path, "changed")
        file.seek(0)
        self._checked.add(path.name)


def read_ids_at(
    kept: KeptFolder,
    part: int,
    bits: bytes,
    columns: Sequence[str] = ("id",),
    if_there: Sequence[str] = ("content",),
    *,
    takes_over: bool = False,
) -> pl.DataFrame:
    """Return columns of a part's events, such as `id` and `content`, at the bits that are set, also once its events are
    removed.

    With `takes_over`, also those that its rows would have by now that an earlier load delivered. Raises `StateError`
    where they can't be read or believed.
    """
    ids = kept.read_ids(part, [*columns, *([SETTLED] if takes_over else [])], if_there=if_there)
    chosen = np.unpackbits(np.frombuffer(bits, np.uint8), count=len(ids), bitorder="little")
    flags = pl.Series(chosen.astype(bool))
    if takes_over:
        flags |= ids.select(pl.col(SETTLED).eq_missing(DELIVERED)).to_series()
    return ids.filter(flags).drop(SETTLED, strict=False)


def retire_part(
    kept: KeptFolder, part: int, refused: list[int], *, takes_over: bool = False
) -> list[KeptFile]:
    """Write a part's ids, and what the report needs of its refused events, beside it: the part may then be removed.

    Raises `StateError` where the disk won't have them, or where the part is not as it was staged; doing it again
    changes nothing.
    """
    path = events_path(kept.folder, part)
    columns = ["file", "row", "id", "created_at", "type", "entity_type", "body"]
    ids = kept.read(path, [*columns, *([SETTLED] if takes_over else [])], if_there=["content"])
    digests = pl.Series("digest", map(digest_body, ids["body"]), pl.Binary)
    files = [write_part(ids.drop("body").with_columns(digests), ids_path(kept.folder, part))]
    if refused:
        events = kept.read(path, ["file", "row", "id", "source", "body"]).with_row_index("index")
        files.append(write_part(events[refused], refused_path(kept.folder, part)))
    return files
