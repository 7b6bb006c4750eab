"""Shows rows beside the events they become; each value has the colour of its column. Values in, text out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.plain import plain_line, shorten

__all__ = ["Preview", "PreviewedRow", "print_preview"]

_COLOURS: Final = (
    "cyan",
    "green",
    "magenta",
    "yellow",
    "blue",
    "bright_cyan",
    "bright_green",
    "bright_magenta",
    "bright_yellow",
)
_CONSTANT: Final = "(constant)"
MOST_CHARS: Final = 200
# Below so many columns rows and events are one below the other: words would break.
SIDE_BY_SIDE: Final = 100


@dataclass(frozen=True, slots=True)
class PreviewedRow:
    """One row and what becomes of it: its cells by column, and its event, or why there is none.

    The cells of a record that is no row are its text under an empty name.
    """

    file: str
    row: int
    fate: Literal["event", "rejected", "skipped"]
    cells: dict[str, Any]
    event: dict[str, Any] | None
    code: str | None
    reason: str
    field: str

    def with_cells(self, cells: dict[str, Any]) -> "PreviewedRow":
        """Return the same with its cells."""
        return replace(self, cells=cells)


@dataclass(frozen=True, slots=True)
class Preview:
    """Some rows of a job. `origins` names the columns each field is made of, `dropped` those that no field uses."""

    job: str
    rows: tuple[PreviewedRow, ...]
    columns: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    looked_at: int
    rejects_only: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` writes."""
        return {
            "job": self.job,
            "rows": [
                {
                    "file": row.file,
                    "row": row.row,
                    "fate": row.fate,
                    "source": row.cells,
                    "event": row.event,
                    "code": row.code,
                    "reason": row.reason,
                    "field": row.field,
                }
                for row in self.rows
            ],
            "origins": {field: list(columns) for field, columns in self.origins.items()},
            "dropped": list(self.dropped),
        }


def print_preview(preview: Preview, console: Console) -> None:
    """Print each row beside its event, then what no event uses."""
    colours = _choose_colours(preview)
    for row in preview.rows:
        _print_row(row, preview, colours, console)
        console.print()
    if not preview.rows:
        console.print(f"No rejects in {preview.looked_at:,} rows.")
    if preview.dropped:
        names = plain_line(", ".join(preview.dropped))
        console.print(
            Text.assemble(
                ("dropped: ", "bold"),
                (names, "dim strike"),
                ("  columns that no field of the job uses", "dim"),
            )
        )
    console.print(Text("Nothing was sent.", style="dim"))


def _choose_colours(preview: Preview) -> dict[str, str]:
    """Return a colour for each column that a field uses, in the order of the columns."""
    used = [column for column in preview.columns if column not in preview.dropped]
    return {column: _COLOURS[position % len(_COLOURS)] for position, column in enumerate(used)}


def _print_row(row: PreviewedRow, preview: Preview, colours: dict[str, str], console: Console) -> None:
    fate = {
        "event": ("→ event", "green"),
        "rejected": (f"✗ {row.code}", "bold red"),
        "skipped": ("– skipped", "yellow"),
    }[row.fate]
    console.print(Text.assemble((f"{plain_line(row.file)} row {row.row} ", "bold"), fate))
    left = list(_cells(row, preview, colours))
    right = list(_fields(row.event, preview, colours)) if row.event is not None else [_explanation(row)]
    if console.width < SIDE_BY_SIDE:
        _print_stacked({"the row": left, "becomes" if row.event is not None else "why": right}, console)
        return
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=row.fate == "event"
    )
    table.add_column("column", no_wrap=True, max_width=24)
    table.add_column("cell", ratio=2, overflow="fold")
    table.add_column("field", no_wrap=True, max_width=32)
    table.add_column("value", ratio=3, overflow="fold")
    for position in range(max(len(left), len(right))):
        cells = left[position] if position < len(left) else (Text(), Text())
        fields = right[position] if position < len(right) else (Text(), Text())
        table.add_row(*cells, *fields)
    console.print(table)


def _print_stacked(parts: dict[str, list[tuple[Text, Text]]], console: Console) -> None:
    """Print the parts, by their titles, one below the other: names and values, on as many lines as they take."""
    names = [name for pairs in parts.values() for name, _ in pairs]
    widest = min(max(name.cell_len for name in names), console.width // 2 - 2)
    for title, pairs in parts.items():
        console.print(Text(title, style="dim"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(width=widest, overflow="fold")
        table.add_column(overflow="fold")
        for name, value in pairs:
            table.add_row(name, value)
        console.print(Padding(table, (0, 0, 0, 2)))


def _cells(row: PreviewedRow, preview: Preview, colours: dict[str, str]) -> Iterator[tuple[Text, Text]]:
    for column, value in row.cells.items():
        style = colours.get(column, "dim")
        name_style = "dim strike" if column in preview.dropped else style
        yield Text(plain_line(column) or "the record", style=name_style), _value(value, style)


def _fields(event: dict[str, Any], preview: Preview, colours: dict[str, str]) -> Iterator[tuple[Text, Text]]:
    for name, value in event.items():
        if name in ("properties", "userProperties") and isinstance(value, dict):
            for key, inner in value.items():
                yield _field(f"{name}.{key}", inner, preview, colours)
        else:
            yield _field(name, value, preview, colours)


def _field(path: str, value: Any, preview: Preview, colours: dict[str, str]) -> tuple[Text, Text]:
    origins = preview.origins.get(path, ())
    if path == "id" and not origins:
        return Text(plain_line(path)), Text.assemble(
            (plain_line(value), "bold"), ("  made of the content", "dim")
        )
    style = colours.get(origins[0], "") if origins else "dim"
    shown = _value(value, style)
    if not origins:
        shown.append(f"  {_CONSTANT}", style="dim")
    elif len(origins) > 1 or path.rpartition(".")[2] != origins[0]:
        shown.append(f"  ← {plain_line(', '.join(origins))}", style="dim")
    return Text(plain_line(path)), shown


def _explanation(row: PreviewedRow) -> tuple[Text, Text]:
    style = "red" if row.fate == "rejected" else "yellow"
    return Text(row.field, style=style), Text(_cut(row.reason), style=style)


def _value(value: Any, style: str) -> Text:
    if value is None:
        return Text("–", style="dim")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return Text(_cut(text), style=style)


def _cut(text: str) -> str:
    return shorten(plain_line(text), MOST_CHARS)
