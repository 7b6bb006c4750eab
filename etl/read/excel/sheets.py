"""Chooses which sheets of a workbook hold the rows."""

import fnmatch
from pathlib import Path

from etl.errors import InputError
from etl.read.excel.workbook import open_workbook

__all__ = ["choose_sheets"]


def choose_sheets(path: Path, name: str, wanted: str | None) -> list[str]:
    """Return the sheets that `wanted` names or is a pattern of; None means the only one that holds anything.

    Hidden sheets are only taken by their own names. Raises `InputError` where it can't be told, or none is such.
    """
    workbook = open_workbook(path, name)
    if wanted in workbook.sheet_names:
        return [wanted]
    sheets = [sheet for sheet in workbook.list_sheets() if sheet.is_visible]
    if wanted is not None:
        found = [sheet.name for sheet in sheets if fnmatch.fnmatchcase(sheet.name, wanted)]
        if not found:
            raise InputError(
                f"Expected a sheet called `{wanted}`, found {_list(workbook.sheet_names)} - {name}",
                'Name one of these: sheet = "NAME" under [source]',
            )
        return found
    filled = [sheet for sheet in sheets if sheet.rows]
    if len(filled) == 1:
        return [filled[0].name]
    if not filled:
        raise InputError(
            f"Expected a sheet with rows, found none - {name}", "Check that this is the right file"
        )
    largest = max(filled, key=lambda sheet: sheet.rows)
    raise InputError(
        f"Expected one sheet with rows, found {len(filled)}: {_list([sheet.name for sheet in filled])} - {name}",
        f'Say which: sheet = "{largest.name}" under [source]; all of them: sheet = "*"',
    )


def _list(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
