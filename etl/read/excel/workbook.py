"""Opens workbooks through the library that reads them. The only module that knows it.

Rule: what it can't read, and what would take more memory than a sheet may, is an `InputError`.
"""

import logging
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from etl.errors import InputError, JobError
from etl.read.excel.probe import survives_reading

if TYPE_CHECKING:
    from fastexcel import ExcelReader

__all__ = ["MOST_SHEET_BYTES", "Cells", "Sheet", "Workbook", "open_workbook"]

# A sheet is held whole: reading it takes about five times its XML.
MOST_SHEET_BYTES: Final = 1 << 29
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_ERRORS: Final = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#DATA!",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook: whether a person who opens it sees it, and how many rows it has."""

    name: str
    is_visible: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a sheet as text from its first row on; `errors` are those that hold one, by row and column from
    0.
    """

    table: pa.RecordBatch
    errors: dict[tuple[int, int], str]


class Workbook:
    """A workbook: its sheets, and their cells."""

    def __init__(self, name: str, path: Path, reader: "ExcelReader") -> None:
        self._name = name
        self._reader = reader
        self.sheet_names: list[str] = list(reader.sheet_names)
        self.counts_from_1904 = _counts_from_1904(path)

    def list_sheets(self) -> list[Sheet]:
        """Return all sheets; reads each of them."""
        return [self._describe(name) for name in self.sheet_names]

    def _describe(self, sheet: str) -> Sheet:
        with _explained(self._name):
            loaded = self._reader.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
            return Sheet(loaded.name, loaded.visible == "visible", loaded.total_height)

    def read(self, sheet: str) -> Cells:
        """Return the cells of a sheet."""
        with _explained(self._name):
            table, found = self._reader.load_sheet(
                sheet, header_row=None, skip_rows=0, dtypes="string"
            ).to_arrow_with_errors()
        errors = {}
        for one in found.errors if found else ():
            row, column = one.position
            errors[row, column] = _name_error(one.detail)
        return Cells(table, errors)

    def read_elapsed(self, sheet: str, column: int, first_row: int) -> pa.Array | None:
        """Return the elapsed times of a column in milliseconds, or None where its cells from `first_row` on aren't all
        such.
        """
        with _explained(self._name):
            if not self._holds_elapsed(sheet, column, first_row):
                return None
            loaded = self._reader.load_sheet(
                sheet, header_row=None, skip_rows=0, use_columns=[column], dtypes={column: "duration"}
            )
            return loaded.to_arrow_with_errors()[0].column(0).cast(pa.int64(), safe=False)

    def _holds_elapsed(self, sheet: str, column: int, first_row: int) -> bool:
        from fastexcel import UnsupportedColumnTypeCombinationError

        try:
            loaded = self._reader.load_sheet(
                sheet, header_row=None, skip_rows=first_row, use_columns=[column], schema_sample_rows=None
            )
        except UnsupportedColumnTypeCombinationError as error:  # it names the kinds that don't go together
            return "Duration" in str(error) and "Date" not in str(error)
        return [one.dtype for one in loaded.available_columns() if one.index == column] == ["duration"]


def open_workbook(path: Path, name: str) -> Workbook:
    """Open the workbook called `name`; raises `InputError` where it is damaged, encrypted or too large, `JobError`
    where the library is missing.
    """
    library = _import_library(name)
    _check_size(path, name)
    _check_survival(path, name)
    with _explained(name):
        # By its name the library would take an .xlsx called .xls for what it isn't; by its bytes it finds out.
        is_old = path.suffix.lower() == ".xls"
        return Workbook(
            name, path, library.read_excel(path.read_bytes() if is_old and zipfile.is_zipfile(path) else path)
        )


def _import_library(name: str) -> ModuleType:
    try:
        import fastexcel
    except ImportError:
        raise JobError(
            f"Expected the library that reads workbooks, found it isn't installed - {name}",
            "Install it: pip install 'inkeep-backfill[excel]', or save the sheet as CSV (UTF-8)",
        ) from None
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    return fastexcel


def _check_size(path: Path, name: str) -> None:
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                size = max((member.file_size for member in archive.infolist()), default=0)
        except (zipfile.BadZipFile, NotImplementedError):  # the library tells it
            return
    if size > MOST_SHEET_BYTES:
        raise InputError(
            f"Expected sheets of at most {MOST_SHEET_BYTES >> 20:,} MB unpacked, found {size >> 20:,} MB - {name}",
            "Save the sheet as CSV (UTF-8), which is read in pieces",
        )


def _check_survival(path: Path, name: str) -> None:
    """Refuse an .xls that would end the process, or never come to an end."""
    with path.open("rb") as file:
        is_old = file.read(len(_COMPOUND)) == _COMPOUND
    if is_old and not survives_reading(path):
        raise InputError(
            f"Expected a whole workbook, found one that nothing reads to its end - {name}",
            "Open it in a spreadsheet and save it again as .xlsx: it is truncated or damaged",
        )


def _counts_from_1904(path: Path) -> bool:
    """Whether the days of an .xlsx are counted from 1904, as old Excel for Mac did."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("xl/workbook.xml") as file:
            head = file.read(1 << 20)
    except (OSError, KeyError, zipfile.BadZipFile):
        return False
    return b'date1904="1"' in head or b'date1904="true"' in head


def _name_error(detail: str) -> str:
    return next((shown for word, shown in _ERRORS.items() if f"({word})" in detail), "#ERROR!")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    import fastexcel

    try:
        yield
    except fastexcel.FastExcelError as error:
        reason = str(error).split("\nContext:")[0].removeprefix("calamine error: ")
        if "password" in reason.lower() or "encrypt" in reason.lower():
            raise InputError(
                f"Expected a workbook without a password, found an encrypted one - {name}",
                "Save a copy without a password (File, Info, Protect Workbook), and give that",
            ) from None
        raise InputError(
            f"Expected a whole workbook, found: {reason[:200]} - {name}",
            "Open it in a spreadsheet and save it again as .xlsx: it is truncated or damaged",
        ) from None
