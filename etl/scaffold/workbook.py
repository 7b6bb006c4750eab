"""Tells which sheet of a workbook holds the rows, and where on it they begin."""

from typing import Final

from etl.errors import InputError
from etl.guess.choices import Choice, Reading, Sureness
from etl.guess.columns import guess_null_values, name_columns
from etl.guess.heads import has_header
from etl.guess.sheets import find_header_row
from etl.guess.writing import render_value
from etl.read.excel.cells import to_texts
from etl.read.excel.workbook import Sheet, open_workbook
from etl.read.files import SourcePath

__all__ = ["read_workbook"]

SAMPLE_ROWS: Final = 200


def read_workbook(source: SourcePath) -> Reading:
    """Return how a workbook is read: its largest visible sheet, from the header on."""
    workbook = open_workbook(source.path, source.name)
    filled = [sheet for sheet in workbook.list_sheets() if sheet.is_visible and sheet.rows]
    if not filled:
        raise InputError(
            f"Expected a sheet with rows, found none - {source.name}", "Check that this is the right file"
        )
    best = max(filled, key=lambda sheet: sheet.rows)
    rows = to_texts(workbook.read(best.name).table).head(SAMPLE_ROWS).rows()
    at = find_header_row(rows)
    records = [tuple(cell or "" for cell in row) for row in rows[at:]]
    named, why = has_header(records)
    table: dict[str, Choice] = {}
    if any(cell for row in rows[:at] for cell in row):
        table["skip_rows"] = Choice(at, "titles and notes above the rows")
    if not named:
        table |= {"header": Choice(value=False, why=why), "columns": Choice(name_columns(records), "made up")}
    markers = guess_null_values(records[1:] if named else records)
    if markers != ("",):
        table["null_values"] = Choice(markers, "texts for what is missing")
    remark = f"sheet {render_value(best.name)} with {best.rows:,} rows; {f'header in row {at + 1}' if named else why}"
    return Reading("excel", source=_choose_sheet(best, filled), table=table, remarks=(remark,))


def _choose_sheet(best: Sheet, filled: list[Sheet]) -> dict[str, Choice]:
    """Return the choice where there is one: the only sheet needs no name."""
    if len(filled) == 1:
        return {}
    others = ", ".join(
        f"{render_value(sheet.name)} with {sheet.rows:,}" for sheet in filled if sheet is not best
    )
    return {"sheet": Choice(best.name, f"the most rows; the others are {others}", Sureness.CHECK)}
