"""Guesses what a job has to say of a delimited text: how it is cut, where its table is, what means nothing. Pure."""

import re
from collections import Counter
from typing import Any, Final

from etl.guess.choices import Dialect
from etl.guess.columns import guess_null_values, name_columns
from etl.guess.dialect import Cut, Record, cut_records, guess_cut
from etl.guess.fields_comment import find_fields
from etl.guess.heads import Row, Table, find_table, has_header

__all__ = ["read_dialect"]

_MOST_RECORDS: Final = 2_000
_SHOWN: Final = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "space", ":": "colon"}
_SEPARATOR_LINE: Final = re.compile(r"\s*\"?sep=(.)\"?\r?\n", re.IGNORECASE)
_COMMENTS: Final = ("#", "//", "%", "--", ";")
# What may stand between a comment's sign and the first name of the header.
_NAMES_BEGIN: Final = r"{0}\s*(?:fields|columns|header|format)\s*[:=]?\s*|{0}\s*"


def read_dialect(text: str, encoding: str, usual: str, *, is_whole: bool) -> tuple[Dialect, list[str]]:
    """Return the dialect of `text`, and what to tell of it.

    `usual` is the separator that the file's name promises; `is_whole`: the text is all of the file.
    """
    said = _SEPARATOR_LINE.match(text)
    comment = "" if said else _find_comment(text)
    body = _without_comments(text, comment) if comment else text[said.end() :] if said else text
    cut, why = (Cut(said[1]), "the first line says it") if said else guess_cut(body, usual)
    records = list(cut_records(body, cut, _MOST_RECORDS))
    if not (is_whole and text.endswith(("\n", "\r"))) and len(records) > 1:
        records = records[:-1]  # the sample may end within it
    prefix = _find_prefix(text, comment, cut, records) if comment else ""
    table = find_table(records, is_whole=is_whole)
    if prefix:
        header = _cells_behind(text, prefix, cut)
        table = Table(
            0, header, f"it stands in a line that starts with `{prefix.strip()}`", 0, _rows(records)
        )
    fields = () if prefix else find_fields(text, _rows(records))
    if fields:
        table = Table(0, fields, "it stands in the comment `#Fields:`", 0, _rows(records))
    shape = _shape(table, cut, comment, prefix, skipped=1 if said else 0)
    columns = fields or None
    if table.header is None:
        columns = name_columns(table.rows)
    elif table.extra:
        columns = _name_all(table)
    markers = guess_null_values(table.rows)
    if fields:  # the format says so
        markers = tuple(dict.fromkeys((*markers, "-")))
    dialect = Dialect(
        encoding,
        cut.separator,
        columns,
        markers,
        shape,
        has_names=table.header is not None,
        repeated=table.header[0].strip() if table.repeats and table.header is not None else "",
    )
    remarks = [f"separator {_SHOWN.get(cut.separator, cut.separator)}: {why}", *_tell(table, cut, comment)]
    if shown := ", ".join(f"`{marker}`" for marker in markers if marker):
        remarks.append(f"missing values are written {shown}")
    return dialect, remarks


def _find_comment(text: str) -> str:
    """Return the sign that lines above the table, and any further down, start with; "" for none."""
    lines = [line for line in text[:20_000].splitlines() if line.strip()]
    for sign in _COMMENTS:
        marked = sum(line.startswith(sign) for line in lines)
        if lines and lines[0].startswith(sign) and marked < len(lines):
            return sign
    return ""


def _without_comments(text: str, comment: str) -> str:
    """Return the text with comment lines made empty, so that lines keep their numbers."""
    return re.sub(rf"(?m)^{re.escape(comment)}.*$", "", text)


def _find_prefix(text: str, comment: str, cut: Cut, records: list[Record]) -> str:
    """Return what stands before the first name in the comment that holds the header; "" where none does."""
    rows = _rows(records)
    if not rows:
        return ""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    begins = re.compile(_NAMES_BEGIN.format(re.escape(comment)), re.IGNORECASE)
    for line in text[:20_000].splitlines():
        if not line.startswith(comment):
            continue
        for match in (begins.match(line), re.match(re.escape(comment) + r"\s*", line)):
            if match is None:
                continue
            cells = _cut_line(line[match.end() :], cut)
            if len(cells) == width > 1 and has_header([cells, *rows])[0]:
                return match[0]
    return ""


def _cells_behind(text: str, prefix: str, cut: Cut) -> Row:
    line = next(line for line in text.splitlines() if line.startswith(prefix))
    return _cut_line(line[len(prefix) :], cut)


def _cut_line(line: str, cut: Cut) -> Row:
    record = next(iter(cut_records(line, cut, 1)), None)
    return record.cells if record is not None and record.cells is not None else ()


def _rows(records: list[Record]) -> tuple[Row, ...]:
    return tuple(record.cells for record in records if record.cells is not None)


def _shape(table: Table, cut: Cut, comment: str, prefix: str, *, skipped: int) -> dict[str, Any]:
    """Return the keys of [source.csv] that aren't as usual."""
    columns_only = bool(table.extra)
    lines = table.skip_lines + skipped
    if not comment and columns_only:  # the names are given in the job, so the header is skipped
        lines += 1
    shape: dict[str, Any] = {
        "quote": cut.quote,
        "escape": cut.escape,
        "skip_initial_space": cut.is_spaced,
        "skip_lines": lines,
        "comment": comment or table.footer,
        "header_prefix": prefix,
        "skip_below_header": 0 if columns_only else table.below,
        "short_records": "fill" if table.fills else "reject",
    }
    usual = {"quote": '"', "short_records": "reject"}
    return {key: value for key, value in shape.items() if value and value != usual.get(key)} | (
        {"quote": ""} if not cut.quote else {}
    )


def _name_all(table: Table) -> tuple[str, ...]:
    assert table.header is not None
    names = [name.strip() or f"column_{at}" for at, name in enumerate(table.header, start=1)]
    return ("row_name", *names) if table.extra == "first" else (*names, f"column_{len(names) + 1}")


def _tell(table: Table, cut: Cut, comment: str) -> list[str]:
    """Return what is unlike a plain table."""
    told = [f"{'header' if table.header is not None else 'no header'}: {table.why}"]
    if table.skip_lines:
        told.append(f"the table starts at line {table.skip_lines + 1}")
    if table.below:
        told.append(f"{table.below} records below the header are no rows")
    if table.fills:
        told.append("rows leave out their last values where those are empty")
    if table.extra:
        where = "name" if table.extra == "first" else "empty value at the end"
        told.append(f"each row has a {where} that the header doesn't name")
    if cut.escape:
        told.append(f"`{cut.escape}` takes the meaning of the quote after it")
    if cut.is_spaced:
        told.append("spaces follow the separators")
    if comment:
        told.append(f"lines that start with `{comment}` are no rows")
    if table.footer:
        told.append(f"the line `{table.footer}…` at the end is no row")
    if table.repeats:
        told.append("the header comes again between the rows")
    return told
