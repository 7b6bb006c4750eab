"""Finds the rows of a load whose event id another row has already, exactly and in bounded memory.

A 64-bit hash of each id goes to a scratch file, 8 bytes a row. At the end the hashes are taken in buckets small enough
to sort; those that occur twice are candidates, and only a candidate's full id, read back from its part, decides. Equal
ids have equal hashes, so none is missed; unequal ones are told apart by the ids themselves, so none is taken wrongly.
Repeats within one part never become candidates: they are found at once.

Ids that earlier loads delivered come first, as parts of their own that are only read: a row that has one of them is a
duplicate too.

Where parts hold a digest of what is sent under the id (`content`), the candidates are compared by it as well. Then rows
of one part that agree in both are found at once, all but the first and the last.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import polars_hash  # noqa: F401 - registers the `nchash` namespace

from etl.private import open_private
from etl.stage.contents import compare_contents
from etl.stage.parts import explain_disk
from etl.stage.renamed import RenamedAgain, count_renamed, mark_renamed

__all__ = ["DeliveredIds", "DuplicateFinder"]

BUCKET_ROWS: Final = 1_000_000
CHUNK_ROWS: Final = 500_000
# A row that is already known to be a repeat takes no part in the search: it is left out of every bucket.
_SETTLED: Final = np.uint64(0)
DIFFERING_SCHEMA: Final = pl.Schema(
    {
        "part": pl.UInt32(),
        "index": pl.UInt32(),
        "delivered": pl.Boolean(),
        "newest": pl.Boolean(),
        "goes": pl.Boolean(),
    }
)
_NONE: Final = np.empty(0, np.uint64)


class DeliveredIds(NamedTuple):
    """What `read`s `id`, and `content` where it was kept, of some events that were delivered before, each time the
    same.

    `are_renamed`: they went out under other ids, and would have these now, and this content.
    """

    read: Callable[[], pl.DataFrame]
    are_renamed: bool = False


class DuplicateFinder:
    """Takes the ids of a load, part by part, and tells for each part which of its rows are duplicates.

    `read_ids(part)` returns `id`, and `content` where there is one, of a part again, in order; `delivered_ids` are of
    what was delivered before, the earliest delivery first. Of rows with one id the first is no duplicate; where
    `sends_corrections`, it is the last that differs from what was delivered.
    """

    def __init__(
        self,
        scratch: Path,
        read_ids: Callable[[int], pl.DataFrame],
        delivered_ids: Sequence[DeliveredIds] = (),
        *,
        sends_corrections: bool = False,
    ) -> None:
        self._path = scratch
        self._read_ids = read_ids
        self._delivered_ids = delivered_ids
        self._sends_corrections = sends_corrections
        self._flags: list[np.ndarray] = []
        self._differing: list[pl.DataFrame] = [pl.DataFrame(schema=DIFFERING_SCHEMA)]
        self._renamed = [part for part, one in enumerate(delivered_ids) if one.are_renamed]
        self.unknown = 0
        self.came_again = RenamedAgain()
        try:
            self._file = open_private(scratch)
        except OSError as error:
            raise explain_disk(error, scratch) from None
        try:
            for delivered in delivered_ids:
                self.add(delivered.read())
        except BaseException:
            self.close()
            raise

    def add(self, events: pl.DataFrame) -> None:
        """Take the ids of the next part. Raises `StateError` where the disk won't have them."""
        hashes = _hash(events["id"]) | np.uint64(1)
        if pl.Series(hashes).n_unique() == len(events):
            # Hashes that differ settle it, several times as fast as the ids. Most parts end here: their flags take no
            # memory.
            repeats = np.broadcast_to(np.False_, len(events))
        else:
            repeats = self._repeats_within(events)
            hashes = np.where(repeats, _SETTLED, hashes)
        self._flags.append(repeats)
        try:
            hashes.tofile(self._file)
        except OSError as error:
            raise explain_disk(error, self._path) from None

    @property
    def differing(self) -> pl.DataFrame:
        """Return the rows whose id stands for another content elsewhere, once `find` was called.

        `delivered`: that was delivered before. `newest`: the last row of the load with that id agrees with it. `goes`:
        the row is no duplicate, and corrects what was delivered. Of rows of one part that agree, only the first and the
        last are there.
        """
        return pl.concat(self._differing)

    def _repeats_within(self, events: pl.DataFrame) -> np.ndarray:
        if "content" not in events.columns:
            return (~events["id"].is_first_distinct()).to_numpy()
        same = pl.struct("id", "content")
        # The first of them may be what goes, the last what is newest.
        return events.select(~(same.is_first_distinct() | same.is_last_distinct())).to_series().to_numpy()

    def close(self) -> None:
        """Close the scratch file, where an error keeps `find` from being called."""
        self._file.close()

    def find(self) -> tuple[list[np.ndarray], str]:
        """Return for each part a Boolean array, true where an earlier row has the same id; and a digest of all ids.

        The digest is that of a set: the order of the rows doesn't change it.
        """
        try:
            self._file.close()
            starts = np.cumsum([0, *(len(flags) for flags in self._flags)])
            total = int(starts[-1])
            buckets = max(1, -(-total // BUCKET_ROWS))
            for bucket in range(buckets):
                self._settle(self._candidates(bucket, buckets), starts)
            digest = self._digest()
            self._path.unlink()
        except OSError as error:
            raise explain_disk(error, self._path) from None
        return self._flags[len(self._delivered_ids) :], digest

    def _candidates(self, bucket: int, buckets: int) -> np.ndarray:
        """Return the positions, ascending, of the bucket's rows whose hash occurs more than once."""
        hashes = [chunk[wanted] for _, chunk, wanted in self._chunks(bucket, buckets)]
        ordered = pl.concat([pl.Series(some) for some in hashes]).sort().to_numpy() if hashes else _NONE
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(repeated):
            return np.empty(0, np.int64)
        # Most loads never come here, so where the rows are is only found now.
        return np.concatenate(
            [
                np.flatnonzero(wanted & np.isin(chunk, repeated)) + offset
                for offset, chunk, wanted in self._chunks(bucket, buckets)
            ]
        )

    def _chunks(self, bucket: int, buckets: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield the hashes in order, with the position of the first, and which of them are in the bucket."""
        offset = 0
        with self._path.open("rb") as file:
            while len(chunk := np.fromfile(file, np.uint64, CHUNK_ROWS)):
                wanted = chunk != _SETTLED
                if buckets > 1:
                    wanted &= (chunk >> np.uint64(1)) % np.uint64(buckets) == bucket
                yield offset, chunk, wanted
                offset += len(chunk)

    def _digest(self) -> str:
        total = count = 0
        with self._path.open("rb") as file:
            for part, repeats in enumerate(self._flags):
                hashes = np.fromfile(file, np.uint64, len(repeats))
                if part >= len(self._delivered_ids):
                    total += int(hashes[~repeats].sum(dtype=np.uint64))
                    count += int((~repeats).sum())
        return f"xxh3-sum:{total % 2**64:016x}:{count}"

    def _settle(self, positions: np.ndarray, starts: np.ndarray) -> None:
        """Compare the candidates by their full ids, mark the duplicates, and note those that differ."""
        if not len(positions):
            return
        parts = np.searchsorted(starts, positions, side="right") - 1
        frames = []
        for part in np.unique(parts):
            indices = positions[parts == part] - starts[part]
            where = {"part": np.full(len(indices), part, np.uint32), "index": indices.astype(np.uint32)}
            frames.append(pl.DataFrame(where).hstack(self._read(int(part))[indices]))
        candidates = pl.concat(frames, how="diagonal")
        if self._renamed:
            candidates = mark_renamed(candidates, self._renamed, len(self._delivered_ids))
            self.came_again = self.came_again.plus(count_renamed(candidates, len(self._delivered_ids)))
        if "content" in candidates.columns:
            duplicates = self._compare(candidates)
        else:
            duplicates = candidates.filter(~pl.col("id").is_first_distinct())
        for (part,), rows in duplicates.group_by("part"):
            repeats = self._flags[int(part)].copy()
            repeats[rows["index"].to_numpy()] = True
            self._flags[int(part)] = repeats

    def _compare(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """Return the candidates that are duplicates, and note those whose content differs from what goes."""
        rows = compare_contents(
            candidates, len(self._delivered_ids), sends_corrections=self._sends_corrections
        )
        self.unknown += rows.filter("unknown").height
        part = pl.col("part") - len(self._delivered_ids)
        noted = rows.filter("differs").select(part, "index", "delivered", "newest", "goes")
        self._differing.append(noted.cast(DIFFERING_SCHEMA))
        return rows.filter(~pl.col("goes"))

    def _read(self, part: int) -> pl.DataFrame:
        before = len(self._delivered_ids)
        return self._delivered_ids[part].read() if part < before else self._read_ids(part - before)


def _hash(ids: pl.Series) -> np.ndarray:
    return ids.to_frame("id").select(pl.col("id").nchash.xxh3_64()).to_series().to_numpy()  # type: ignore[attr-defined]
