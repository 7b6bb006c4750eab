"""Finds how texts write times: the best reading of what most of them have in common, and its rivals. Pure.

The texts are cut into digits, words and signs. Every way of reading those as year, month, day and clock that all texts
allow is a candidate; what scores nearly as well as the best is its rival.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from etl.guess.layouts.patterns import write_pattern
from etl.guess.layouts.roles import Reading, assign_roles, read_shape
from etl.guess.layouts.score import score_roles
from etl.guess.layouts.tokens import Shape, cut_text, shape_of

__all__ = ["MOST_TEXTS", "Layout", "find_layout"]

MOST_TEXTS: Final = 2_000
LEAST_SHARE: Final = 0.9
# Scores that differ by less than this don't tell two layouts apart.
RIVAL_MARGIN: Final = 0.35


@dataclass(frozen=True, slots=True)
class Layout:
    """How texts write times: the strptime `format`, the share of the texts that have this shape, what it says.

    `rivals` are other formats that fit as well.
    """

    format: str
    share: float
    has_date: bool
    has_clock: bool
    has_zone: bool
    has_year: bool = True
    rivals: tuple[str, ...] = ()


def find_layout(texts: Sequence[str]) -> Layout | None:
    """Return how most of `texts` write a date, a clock or both; None where they write none."""
    some = [text.strip() for text in texts[:MOST_TEXTS]]
    cut = [cut_text(text) for text in some]
    shaped = [(shape_of(tokens), tokens) for tokens in cut]
    shapes = Counter(shape for shape, _ in shaped if shape is not None)
    if not shapes:
        return None
    shape, count = shapes.most_common(1)[0]
    if count < LEAST_SHARE * len(some) and not _is_split_by_width(shapes, len(some)):
        return None
    reading = read_shape(shape, tuple(tokens for own, tokens in shaped if own == shape))
    share = (sum(shapes.values()) if len(shapes) > 1 else count) / len(some)
    return _choose(reading, share, has_year=True) or _choose(reading, share, has_year=False)


def _choose(reading: Reading, share: float, *, has_year: bool) -> Layout | None:
    now = datetime.now(UTC)
    candidates = []
    for roles in assign_roles(reading, has_year=has_year):
        pattern = write_pattern(reading, roles)
        if pattern is not None:
            codes = frozenset("".join(roles.values())) | reading.words
            candidates.append((score_roles(reading, roles, now), pattern, codes))
    if not candidates:
        return None
    candidates.sort(key=lambda one: -one[0])
    best, pattern, codes = candidates[0]
    rivals = dict.fromkeys(other for score, other, _ in candidates[1:] if best - score < RIVAL_MARGIN)
    rivals.pop(pattern, None)
    return Layout(
        pattern,
        share,
        has_date=bool(codes & set("Yymbdj")),
        has_clock=bool(codes & set("HI")),
        has_zone=bool(codes & {"z", "Z"}),
        has_year=has_year,
        rivals=tuple(rivals),
    )


def _is_split_by_width(shapes: Counter[Shape], total: int) -> bool:
    """Whether the shapes differ in the number of digits alone."""
    bare = Counter(tuple("d" if kind[0] == "d" else kind for kind in shape) for shape in shapes.elements())
    return bare.most_common(1)[0][1] >= LEAST_SHARE * total
