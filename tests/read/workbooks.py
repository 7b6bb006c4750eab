"""Workbooks for the tests, written by libraries that know the formats, or by hand where none is needed."""

import zipfile
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter
import xlwt

__all__ = ["write_ods", "write_workbook", "write_xls", "write_xlsx"]

FORMATS = {datetime: "yyyy-mm-dd hh:mm:ss.000", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}
Rows = Sequence[Sequence[Any]]


def write_workbook(path: Path, rows: Rows) -> Path:
    """Write one sheet of `rows` in the format that the name of the file tells."""
    return {".xlsx": write_xlsx, ".xls": write_xls, ".ods": write_ods}[path.suffix](path, rows)


def write_xlsx(
    path: Path,
    rows: Rows = (),
    *,
    sheets: dict[str, Rows] | None = None,
    hidden: Sequence[str] = (),
    **options: Any,
) -> Path:
    """Write sheets of rows; a text that starts with `#` and ends with one of `!?A` is an error cell."""
    book = xlsxwriter.Workbook(str(path), options)
    styles = {kind: book.add_format({"num_format": text}) for kind, text in FORMATS.items()}
    for name, cells in (sheets or {"Data": rows}).items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for row, values in enumerate(cells):
            for column, value in enumerate(values):
                if type(value) in styles:
                    sheet.write_datetime(row, column, value, styles[type(value)])
                elif isinstance(value, str) and value.startswith("#"):
                    sheet.write_formula(row, column, "=1/0", None, value)
                elif isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(row, column, value, None, 42)
                elif isinstance(value, str):
                    sheet.write_string(row, column, value)
                elif value is not None:
                    sheet.write(row, column, value)
    book.close()
    return path


def write_xls(path: Path, rows: Rows) -> Path:
    """Write one sheet as Excel up to 2003 did."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    style = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm:ss")
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            if value is not None:
                sheet.write(row, column, value, *([style] if isinstance(value, datetime) else []))
    book.save(str(path))
    return path


def write_ods(path: Path, rows: Rows) -> Path:
    """Write one sheet as LibreOffice does."""
    lines = ["<table:table-row>" + "".join(map(_ods_cell, row)) + "</table:table-row>" for row in rows]
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    body = f'<table:table table:name="Data">{"".join(lines)}</table:table>'
    whole = f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
    content = f"<office:document-content {spaces}>{whole}"
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}"/>')
        archive.writestr("content.xml", f'<?xml version="1.0"?>{content}</office:document-content>')
    return path


def _ods_cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, datetime):
        return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}"/>'
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
