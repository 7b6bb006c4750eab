"""Tells from their first bytes how files are read: format, dialect, which list of a document."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from etl.errors import InputError
from etl.guess.choices import Choice, Reading, Sureness
from etl.guess.delimited import read_dialect
from etl.guess.encoding import guess_encoding
from etl.guess.preset_chats import DOCUMENTS
from etl.guess.writing import render_value, write_reading
from etl.job.load import parse_job
from etl.job.model import Job
from etl.read.access_log import ACCESS_LINE
from etl.read.files import SourcePath
from etl.read.json.lines import holds_lines
from etl.read.json.reader import list_lists
from etl.read.kinds import FLAGGED, TYPED, UnknownFormatError
from etl.read.resolve import resolve_files
from etl.read.streams import read_stream
from etl.scaffold.naming import name_job
from etl.scaffold.workbook import read_workbook

__all__ = ["is_typed", "read_head", "sketch_job"]

SAMPLE_BYTES: Final = 1 << 20
EVERY_SHEET: Final = Reading("excel", source={"sheet": Choice("*", "")})
# Enough of a job for the readers, before anything is known of the rows.
_SKETCH: Final = """name = {name}
[source]
paths = {paths}
{reading}
[event]
entityType = {{ value = "message" }}
type = {{ value = "sample" }}
messageId = {{ value = "sample" }}
createdAt = "sample"
"""


def is_typed(reading: Reading) -> bool:
    """Whether the values have types of their own, so that none needs a cast."""
    return reading.format in FLAGGED | TYPED


def sketch_job(paths: tuple[str, ...], output: Path, reading: Reading | None = None) -> Job:
    """Return a job over `paths` that is read so, for the readers alone."""
    lines = write_reading(reading) if reading is not None else []
    name, files = render_value(name_job(output.name)), render_value(paths)
    return parse_job(_SKETCH.format(name=name, paths=files, reading="\n".join(lines)), output)


def read_head(paths: tuple[str, ...], output: Path) -> tuple[SourcePath, Reading]:
    """Return the first file, and how the files are read; raises `InputError` as the readers do."""
    source, reading = _tell_format(paths, output)
    if reading.format in ("csv", "tsv"):
        return source, _read_dialect(source, reading)
    if reading.format == "excel":
        return source, read_workbook(source)
    return source, _read_document(source, reading) if reading.format == "json" else reading


def _tell_format(paths: tuple[str, ...], output: Path) -> tuple[SourcePath, Reading]:
    try:
        source = resolve_files(sketch_job(paths, output, EVERY_SHEET))[0]
    except UnknownFormatError:
        pass
    else:
        return source, Reading(source.format)
    source = resolve_files(sketch_job(paths, output, Reading("csv", says_format=True)))[0]
    head = _head(source).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"{", b"[")):
        return source, Reading("json", says_format=True)
    first = head.split(b"\n", 1)[0]
    if ACCESS_LINE.match(first.decode("utf-8", "replace").rstrip("\r")):
        return source, Reading("access_log", says_format=True)
    return source, Reading("tsv" if first.count(b"\t") > first.count(b",") else "csv", says_format=True)


def _read_document(source: SourcePath, reading: Reading) -> Reading:
    if holds_lines(source):
        return Reading("ndjson", says_format=True)
    found = sorted(list_lists(source), key=lambda one: -one.objects)
    if not found:
        raise InputError(
            f"Expected a list of objects, or one object a line, found neither - {source.name}",
            "Check that this is the right file: nothing in it looks like rows",
        )
    known = next((DOCUMENTS[one.path] for one in found if one.path in DOCUMENTS), None)
    if known is not None:
        return replace(reading, table={"path": Choice(known, "the rows of this export")})
    best = found[0]
    if not best.path:
        return reading
    others = ", ".join(f"`{'.'.join(one.path)}` with {one.objects:,}" for one in found[1:4])
    why = f"the other lists of objects are {others}" if others else "the only list of objects"
    sureness = Sureness.CHECK if others else Sureness.SURE
    return Reading(
        reading.format,
        reading.says_format,
        table={"path": Choice(".".join(best.path), why, sureness)},
        remarks=(f"rows are the {best.objects:,} objects at `{'.'.join(best.path)}`",),
    )


def _read_dialect(source: SourcePath, reading: Reading) -> Reading:
    head = _head(source)
    encoding, remark = guess_encoding(head)
    text = head.decode(encoding, "replace").removeprefix("\ufeff")
    usual = "\t" if reading.format == "tsv" else ","
    dialect, remarks = read_dialect(text, encoding, usual, is_whole=len(head) < SAMPLE_BYTES)
    remarks.insert(0, f"encoding {encoding}" + (f": {remark}" if remark else ""))
    return Reading(reading.format, reading.says_format, dialect, remarks=tuple(remarks))


def _head(source: SourcePath) -> bytes:
    return next(read_stream(source, SAMPLE_BYTES), b"")
