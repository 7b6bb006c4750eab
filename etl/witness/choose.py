"""Chooses which events stand for a load: a canary's few, or a sample spread over its parts. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, Final

import polars as pl

from etl.values.delivery import EventPlace

__all__ = ["CANARY_COLUMNS", "choose_canary", "choose_sample", "largest_missing_share"]

CANARY_COLUMNS: Final = ("file", "entity_type", "type", "created_at", "size")
_LARGEST: Final = 3
_KEYS: Final = (["entity_type", "type"], ["file"])
CONFIDENCE: Final = 0.95


def choose_canary(parts: Iterable[tuple[int, pl.DataFrame]], count: int) -> tuple[EventPlace, ...]:
    """Return the places of at most `count` events that stand for a load, in the order of the load.

    One of each entity and type, the most frequent first; the oldest, the newest and the largest; one of each file; then
    what fills the number up. `parts` are the number of a part and its `CANARY_COLUMNS`, with `index` where rows are
    left out.
    """
    kinds: dict[tuple[object, ...], tuple[int, EventPlace]] = {}
    files: dict[tuple[object, ...], EventPlace] = {}
    extremes: list[pl.DataFrame] = []
    first: list[EventPlace] = []
    for number, frame in parts:
        some = (frame if "index" in frame.columns else frame.with_row_index("index")).with_columns(
            pl.lit(number).alias("part")
        )
        for *kind, events, index in _first_of_each(some, _KEYS[0]):
            known = kinds.get(tuple(kind))
            kinds[tuple(kind)] = (
                events + (known[0] if known else 0),
                known[1] if known else EventPlace(number, index),
            )
        for file, _, index in _first_of_each(some, _KEYS[1]):
            files.setdefault((file,), EventPlace(number, index))
        extremes = [pl.concat([*extremes, *_extremes(some)])]
        first += [EventPlace(number, index) for index in some["index"][: max(0, count - len(first))]]
    wanted = [place for _, place in sorted(kinds.values(), key=lambda kind: -kind[0])]
    if extremes:
        wanted += _extreme_places(extremes[0])
    wanted += [*files.values(), *first]
    return tuple(sorted(list(dict.fromkeys(wanted))[:count]))


def choose_sample(sizes: Sequence[int], count: int, seed: int) -> Iterator[tuple[int, list[int]]]:
    """Yield, for each part, which of its events are among `count` drawn at random from all; `sizes` counts each."""
    rng, left, events = Random(seed), min(count, sum(sizes)), sum(sizes)
    for part, size in enumerate(sizes):
        # How many of the sample fall into this part is drawn, too: each event has the same chance.
        drawn = _hypergeometric(rng, events, size, left)
        if drawn:
            yield part, sorted(rng.sample(range(size), drawn))
        left -= drawn
        events -= size


def largest_missing_share(asked: int, missing: int = 0) -> float:
    """Return the largest share of a load that may be missing, with 95 % confidence, if `missing` of `asked` drawn are.

    For none missing it is exact; else Hoeffding's bound, which holds for any number.
    """
    if not asked:
        return 1.0
    if not missing:
        return float(1 - (1 - CONFIDENCE) ** (1 / asked))
    return min(1.0, missing / asked + math.sqrt(-math.log(1 - CONFIDENCE) / (2 * asked)))


def _first_of_each(frame: pl.DataFrame, keys: list[str]) -> Iterator[tuple[Any, ...]]:
    yield from (
        frame.group_by(keys, maintain_order=True)
        .agg(pl.len().alias("events"), pl.col("index").first())
        .iter_rows()
    )


def _extremes(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    columns = frame.select("created_at", "size", "part", "index")
    yield columns.bottom_k(1, by="created_at")
    yield columns.top_k(1, by="created_at")
    yield columns.top_k(_LARGEST, by="size")


def _extreme_places(frame: pl.DataFrame) -> list[EventPlace]:
    found = pl.concat(list(_extremes(frame)))
    return [EventPlace(part, index) for part, index in found.select("part", "index").iter_rows()]


def _hypergeometric(rng: Random, events: int, size: int, drawn: int) -> int:
    """Return how many of `drawn` events, out of `events`, are among a given `size` of them."""
    if size == events:
        return drawn
    return sum(1 for place in rng.sample(range(events), drawn) if place < size)
