"""Audits the ids of a dry run: which events are duplicates, and which ids stand for events that differ.

Exact, in bounded memory: ids go to a scratch folder, as when a load is staged.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from etl.stage.duplicates import DeliveredIds, DuplicateFinder
from etl.stage.parts import explain_disk

__all__ = ["IdAudit", "Repeat", "facts_of"]

MOST_COMPARED: Final = 200_000
MOST_EXAMPLES: Final = 3


def facts_of(events: pl.DataFrame, *, with_content: bool) -> pl.DataFrame:
    """Return what the tally and the audit of ids need of `events`, which say in `file` of which file they are.

    `content`, where it is wanted, is a hash that differs where bodies do.
    """
    return events.select(
        "file",
        "row",
        "id",
        pl.col("created_at").to_physical(),
        "type",
        "entity_type",
        "size",
        *(["content"] if with_content else []),
    )


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row whose id an earlier row has: the position of its file, its number, and whether the events differ."""

    file: int
    row: int
    first_file: int
    first_row: int
    differs: bool


class IdAudit:
    """Takes the facts of all events in order, part by part; tells the duplicates at the end.

    `numbers_repeats`: repeats within one file are kept, as `duplicates = "number"` says. `compares`: ids that don't
    come from the content may stand for events that differ, so that is looked at too, by the facts' `content`.
    """

    def __init__(self, folder: Path, *, numbers_repeats: bool, compares: bool) -> None:
        self._folder = folder
        self._numbers_repeats = numbers_repeats
        self._compares = compares
        self._finder = DuplicateFinder(folder / "hashes", lambda part: self._read(part).select("id"))
        self._parts = 0
        self.repeats: tuple[Repeat, ...] = ()
        self.differing = 0

    def add(self, facts: pl.DataFrame) -> None:
        """Take the next part of the facts."""
        try:
            facts.write_ipc(self._path(self._parts))
        except OSError as error:
            raise explain_disk(error, self._path(self._parts)) from None
        self._parts += 1
        self._finder.add(facts.select("id"))

    def close(self) -> None:
        """Close what is open."""
        self._finder.close()

    def find(self) -> tuple[int, Iterator[pl.DataFrame]]:
        """Return how many events are duplicates, and the facts of each, part by part."""
        flags, _ = self._finder.find()
        if self._numbers_repeats:
            flags = self._forgive_numbered(flags)
        count = sum(int(repeats.sum()) for repeats in flags)
        if count:
            self._compare(flags)
        return count, (
            self._read(part).filter(pl.Series(repeats)) for part, repeats in enumerate(flags) if repeats.any()
        )

    def count_new(self, delivered_ids: Sequence[DeliveredIds]) -> int:
        """Return how many of the events, each id once, were not delivered."""
        finder = DuplicateFinder(
            self._folder / "delivered", lambda part: self._read(part).select("id"), delivered_ids
        )
        with closing(finder):
            for part in range(self._parts):
                finder.add(self._read(part).select("id"))
            flags, _ = finder.find()
        return sum(int((~repeats).sum()) for repeats in flags)

    def differing_from(self, delivered_ids: Sequence[DeliveredIds]) -> pl.DataFrame:
        """Return `file` and `row` of the events whose content isn't that of what was delivered under their id."""
        finder = DuplicateFinder(
            self._folder / "delivered",
            lambda part: self._read(part).select("id", "content"),
            delivered_ids,
        )
        with closing(finder):
            for part in range(self._parts):
                finder.add(self._read(part).select("id", "content"))
            finder.find()
        found = [pl.DataFrame(schema={"file": pl.UInt32, "row": pl.UInt32})]
        for (part,), some in finder.differing.filter("delivered").group_by("part", maintain_order=True):
            facts = self._read(int(part)).with_row_index("index")
            pairs = some.join(facts, on="index").select("id", "content").unique()
            found.append(facts.join(pairs, on=["id", "content"], how="semi").select("file", "row"))
        return pl.concat(found).sort("file", "row")

    def _read(self, part: int) -> pl.DataFrame:
        return pl.read_ipc(self._path(part))

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:05d}.arrow"

    def _forgive_numbered(self, flags: list[np.ndarray]) -> list[np.ndarray]:
        """Keep the flags of rows whose id and number within the file an earlier file has too."""
        ids = self._repeated_ids(flags, None)
        if ids is None:
            return flags
        rows = pl.concat(
            self._read(part)
            .select("file", "id")
            .with_row_index("index")
            .filter(pl.col("id").is_in(ids.implode()))
            .with_columns(pl.lit(part).alias("part"))
            for part in range(self._parts)
        )
        numbered = rows.with_columns(pl.int_range(pl.len()).over("file", "id").alias("repeat"))
        lost = numbered.filter(~pl.struct("id", "repeat").is_first_distinct())
        kept = [np.zeros(len(repeats), bool) for repeats in flags]
        for part, index in lost.select("part", "index").iter_rows():
            kept[part][index] = True
        return kept

    def _compare(self, flags: list[np.ndarray]) -> None:
        """Find examples of the duplicates, and how many differ from the first event with their id."""
        ids = self._repeated_ids(flags, MOST_COMPARED if self._compares else MOST_EXAMPLES)
        if ids is None:
            return
        columns = ["file", "row", "id", *(["content"] if self._compares else [])]
        found = []
        for part, repeats in enumerate(flags):
            rows = self._read(part).select(columns).with_columns(pl.Series("repeats", repeats))
            found.append(rows.filter(pl.col("id").is_in(ids.implode())))
        rows = pl.concat(found)
        differs = pl.col("content") != pl.col("content").first() if self._compares else pl.lit(value=False)
        joined = rows.with_columns(
            pl.col("file").first().over("id").alias("first_file"),
            pl.col("row").first().over("id").alias("first_row"),
            (differs.over("id") if self._compares else differs).alias("differs"),
        ).filter("repeats")
        self.differing = int(joined["differs"].sum())
        shown = joined.sort("differs", descending=True, maintain_order=True).head(MOST_EXAMPLES)
        self.repeats = tuple(
            Repeat(*values)
            for values in shown.select("file", "row", "first_file", "first_row", "differs").iter_rows()
        )

    def _repeated_ids(self, flags: list[np.ndarray], most: int | None) -> pl.Series | None:
        found: list[pl.Series] = []
        count = 0
        for part, repeats in enumerate(flags):
            if repeats.any() and (most is None or count < most):
                found.append(self._read(part)["id"].filter(pl.Series(repeats)))
                count += len(found[-1])
        if not found:
            return None
        unique = pl.concat(found).unique(maintain_order=True)
        return unique if most is None else unique.head(most)
