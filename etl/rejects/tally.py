"""Groups rejects by cause: code, field and column, with counts, examples and what was found most often.

Rule: what is kept doesn't grow with the rows.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.values.findings import Example

__all__ = ["Cause", "CauseTally"]

MOST_EXAMPLES: Final = 3
MOST_FOUND: Final = 500
KEY: Final = ("code", "field", "column")


@dataclass(slots=True)
class Cause:
    """Rejects with one code at one field and column. `found` counts the values that are to blame, as far as kept."""

    code: str
    field: str
    column: str
    rows: int = 0
    examples: list[Example] = dataclasses.field(default_factory=list)
    found: Counter[str] = dataclasses.field(default_factory=Counter)

    def add_found(self, counts: Iterator[tuple[str, int]]) -> None:
        """Count the values of some rejects in; past `MOST_FOUND` no new ones are taken."""
        for value, count in counts:
            if value in self.found or len(self.found) < MOST_FOUND:
                self.found[value] += count


class CauseTally:
    """Running counts of rejects by cause."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, str, str], Cause] = {}

    def add(self, rejects: pl.DataFrame) -> None:
        """Count some rejects in: `REJECT_SCHEMA`, and the name of their `file`."""
        keyed = rejects.with_columns(pl.col(KEY).fill_null(""))
        for (code, name, column), rows in keyed.group_by(KEY, maintain_order=True):
            key = str(code), str(name), str(column)
            cause = self._causes.setdefault(key, Cause(*key))
            cause.rows += rows.height
            first = rows.head(MOST_EXAMPLES - len(cause.examples)).select("file", "row", "line", "reason")
            cause.examples += [Example(*values) for values in first.iter_rows()]
            found = rows["found"].drop_nulls().value_counts().sort("count", "found", descending=[True, False])
            cause.add_found(found.head(MOST_FOUND).iter_rows())

    def causes(self) -> list[Cause]:
        """Return all causes, most costly first."""
        return sorted(self._causes.values(), key=lambda cause: (-cause.rows, cause.code, cause.field))

    def counts(self) -> dict[str, int]:
        """Return how many rejects there are of each code, most first."""
        counts: Counter[str] = Counter()
        for cause in self._causes.values():
            counts[cause.code] += cause.rows
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
