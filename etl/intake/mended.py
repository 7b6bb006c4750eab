"""Reads rejects that a person has edited: a CSV or JSONL file that `backfill rejects` wrote."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from etl.errors import InputError
from etl.limited import read_limited
from etl.rejects.spreadsheet import name_own, original_name, rearm
from etl.typed import type_command

__all__ = ["Mended", "RowKey", "read_mended"]

MOST_BYTES: Final = 1_000_000_000
# A spreadsheet writes the separator of its country.
SEPARATORS: Final = (",", ";", "\t")
KEY: Final = ("load", "file", "row")


class RowKey(NamedTuple):
    """Which reject: the load it is of, its file, its row."""

    load: int
    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Mended:
    """One edited reject. `values` are its original columns: cells of a spreadsheet, or where `is_exact` JSON values.

    `raw` is the text of a malformed record, mended or not. `line` is where in the edited file it begins.
    """

    values: dict[str, Any]
    raw: str | None
    line: int
    is_exact: bool


def read_mended(path: Path) -> dict[RowKey, Mended]:
    """Return the edited rejects of the file at `path`; raises `InputError` where it isn't such a file."""
    text = _read_text(path)
    rows = _read_jsonl(text, path) if text.lstrip()[:1] == "{" else _read_csv(text, path)
    found: dict[RowKey, Mended] = {}
    for key, mended in rows:
        if key in found:
            raise InputError(
                f"Expected each reject once, found row {key.row} of {key.file} in lines {found[key].line} and "
                f"{mended.line} - {path}",
                "Remove one of the two lines",
            )
        found[key] = mended
    return found


def _read_text(path: Path) -> str:
    try:
        data = read_limited(path, MOST_BYTES)
    except OSError as error:
        raise InputError(
            f"Expected a file of edited rejects, found: {error.strerror or error} - {path}",
            f"Write one: {type_command('rejects', '-o', 'rejects.csv')}",
        ) from None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"Expected text in UTF-8, found byte 0x{data[error.start]:02x} at offset {error.start} - {path}",
            "Save it from the spreadsheet as `CSV UTF-8`",
        ) from None


def _read_jsonl(text: str, path: Path) -> Iterator[tuple[RowKey, Mended]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            key = RowKey(*(record[name] for name in KEY))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _no_reject(f"line {number}", path) from None
        source, raw = record.get("source"), record.get("raw")
        if not isinstance(source, dict | None) or not isinstance(raw, str | None) or type(key.row) is not int:
            raise _no_reject(f"line {number}", path)
        yield key, Mended(source or {}, raw, number, is_exact=True)


def _read_csv(text: str, path: Path) -> Iterator[tuple[RowKey, Mended]]:
    csv.field_size_limit(1 << 30)
    head = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = next(reader, [])
    own = {name: header.index(name_own(name)) for name in (*KEY, "raw") if name_own(name) in header}
    if len(own) < len(KEY) + 1:
        raise _no_reject("its header", path)
    originals = [(at, name) for at, cell in enumerate(header) if (name := original_name(cell)) is not None]
    line = reader.line_num + 1
    for cells in reader:
        if any(cells):
            if len(cells) < len(header):
                raise _no_reject(f"line {line}", path)
            try:
                key = RowKey(int(cells[own["load"]]), rearm(cells[own["file"]]), int(cells[own["row"]]))
            except ValueError:
                raise _no_reject(f"line {line}", path) from None
            values = {name: rearm(cells[at]) for at, name in originals}
            yield key, Mended(values, rearm(cells[own["raw"]]) or None, line, is_exact=False)
        line = reader.line_num + 1


def _no_reject(where: str, path: Path) -> InputError:
    return InputError(
        f"Expected a reject with its load, file and row, found something else in {where} - {path}",
        "Edit the original columns only, and keep those that name the row: write the file anew: "
        f"{type_command('rejects', '-o', 'rejects.csv')}",
    )
