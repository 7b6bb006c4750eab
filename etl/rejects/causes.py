"""Groups rejects by cause, the most frequent first, each with its fixes and some examples. Frames in, lines out."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import polars as pl

from etl.plain import plain_line, shorten

__all__ = ["By", "Cause", "cause_lines", "cause_table", "group_causes"]

By = Literal["code", "column", "file"]
MOST_EXAMPLES: Final = 3
MOST_FIXES: Final = 4
MOST_CHARS: Final = 160


@dataclass(slots=True)
class Cause:
    """Rejects of one kind: how many, how often each fix is the one, and the first few of them."""

    name: str
    count: int = 0
    fixes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


def group_causes(frames: Iterable[pl.DataFrame], by: By) -> list[Cause]:
    """Return the rejects of `frames` grouped by their code, their column or their file, most first."""
    causes: dict[str, Cause] = {}
    for frame in frames:
        keyed = frame.with_columns(pl.col(by).fill_null("").alias("key"))
        for (key,), rows in keyed.group_by("key", maintain_order=True):
            cause = causes.setdefault(str(key), Cause(str(key) or "(the whole record)"))
            cause.count += rows.height
            for fix, count in sorted(rows["fix"].value_counts().iter_rows()):
                cause.fixes[fix] += count
            room = MOST_EXAMPLES - len(cause.examples)
            cause.examples += [_describe(row, by) for row in rows.head(room).iter_rows(named=True)]
    return sorted(causes.values(), key=lambda cause: (-cause.count, cause.name))


def cause_lines(causes: list[Cause]) -> Iterator[str]:
    """Yield the causes as plain lines."""
    for cause in causes:
        yield f"{cause.name}  {cause.count:,}"
        for example in cause.examples:
            yield f"  {example}"
        if cause.count > len(cause.examples):
            yield f"  … and {cause.count - len(cause.examples):,} more"
        for fix in _fixes(cause):
            yield f"  fix: {fix}"


def cause_table(causes: list[Cause], by: By) -> Any:
    """Return the causes as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(expand=True, show_lines=True)
    table.add_column(by, style="bold", no_wrap=by == "code")
    table.add_column("rows", justify="right")
    table.add_column("examples", ratio=3)
    table.add_column("fix", ratio=2)
    for cause in causes:
        examples, fixes = Text("\n".join(cause.examples)), Text("\n".join(_fixes(cause)))
        table.add_row(Text(cause.name), f"{cause.count:,}", examples, fixes)
    return table


def _fixes(cause: Cause) -> Iterator[str]:
    for fix, count in cause.fixes.most_common(MOST_FIXES):
        yield f"{fix} ({count:,} rows)" if len(cause.fixes) > 1 else fix
    if len(cause.fixes) > MOST_FIXES:
        yield f"and {len(cause.fixes) - MOST_FIXES} more"


def _describe(row: dict[str, Any], by: By) -> str:
    line = f" (line {row['line']})" if row["line"] else ""
    where = f"row {row['row']}{line}" if by == "file" else f"{row['file']} row {row['row']}{line}"
    what = row["reason"] if by == "code" else f"{row['code']}: {row['reason']}"
    status = f" [{row['status']}]" if row["status"] else ""
    closed = f" (dismissed: {row['dismissed']})" if row.get("dismissed") else ""
    text = f"{where}: {what}{status}{closed}"
    # A reason may quote what stood in a cell: one line, and nothing that a terminal would obey.
    return shorten(plain_line(text), MOST_CHARS)
