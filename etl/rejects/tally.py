"""Groups the rejects of a dry run by cause: code, field and column, with counts, examples and the commonest texts.

Rule: what is kept doesn't grow with the rows.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import polars as pl

from etl.values.findings import Example
from etl.values.rows import MalformedRecord

__all__ = ["Cause", "CauseTally"]

MOST_EXAMPLES: Final = 3
MOST_REASONS: Final = 500


@dataclass(slots=True)
class Cause:
    """Rejects with one code at one field and column. `reasons` counts the texts, as far as they are kept."""

    code: str
    field: str
    column: str
    rows: int = 0
    examples: list[Example] = dataclasses.field(default_factory=list)
    reasons: Counter[str] = dataclasses.field(default_factory=Counter)

    def add_reasons(self, counts: Iterator[tuple[str, int]]) -> None:
        """Count the texts of some rejects in; past `MOST_REASONS` no new ones are taken."""
        for reason, count in counts:
            if reason in self.reasons or len(self.reasons) < MOST_REASONS:
                self.reasons[reason] += count


class CauseTally:
    """Running counts of rejects by cause. `names` are those of the source's files."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._causes: dict[tuple[str, str, str], Cause] = {}

    def add(self, file: int, rejects: pl.DataFrame, malformed: tuple[MalformedRecord, ...]) -> None:
        """Count rejects in, which say of which file they are, and malformed records of the file at position `file`."""
        if rejects.height:
            self._add_rejects(rejects)
        for (code, reason), rows in Counter((record.code, record.reason) for record in malformed).items():
            cause = self._cause(code.value, "", "")
            cause.rows += rows
            cause.add_reasons(iter([(reason, rows)]))
        for code in {record.code for record in malformed}:
            cause = self._cause(code.value, "", "")
            own = (record for record in malformed if record.code is code)
            for record in islice(own, MOST_EXAMPLES - len(cause.examples)):
                cause.examples.append(Example(self._names[file], record.row, record.line, record.reason))

    def causes(self) -> list[Cause]:
        """Return all causes, most costly first."""
        return sorted(self._causes.values(), key=lambda cause: (-cause.rows, cause.code, cause.field))

    def counts(self) -> dict[str, int]:
        """Return how many rejects there are of each code, most first."""
        counts: Counter[str] = Counter()
        for cause in self._causes.values():
            counts[cause.code] += cause.rows
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _add_rejects(self, rejects: pl.DataFrame) -> None:
        for (code, name, column), rows in rejects.group_by("code", "field", "column", maintain_order=True):
            cause = self._cause(str(code), str(name), str(column))
            cause.rows += rows.height
            for file, row, line, reason in (
                rows.select("file", "row", "line", "reason")
                .head(MOST_EXAMPLES - len(cause.examples))
                .iter_rows()
            ):
                cause.examples.append(Example(self._names[file], row, line, reason))
            reasons = rows["reason"].value_counts().sort("count", "reason", descending=[True, False])
            cause.add_reasons(reasons.head(MOST_REASONS).iter_rows())

    def _cause(self, code: str, name: str, column: str) -> Cause:
        return self._causes.setdefault((code, name, column), Cause(code, name, column))
