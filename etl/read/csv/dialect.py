"""How delimited text is written, and the patterns that follow from it. Pure.

Every pattern is possessive: none backtracks, so none takes more than one pass over what it matches. What a possessive
quantifier repeats is an atomic group: before 3.11.5, Python matches wrongly where it could backtrack.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from etl.job.model import CsvDialect

__all__ = ["RFC_4180", "Dialect", "Patterns", "compile_patterns", "dialect_of", "parse_fields"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Separator, quote and escape are one ASCII byte each; an empty quote, escape or comment is none.

    `is_spaced`: spaces after a separator are no part of the value.
    """

    separator: bytes = b","
    quote: bytes = b'"'
    escape: bytes = b""
    comment: bytes = b""
    is_spaced: bool = False


RFC_4180 = Dialect()


@dataclass(frozen=True, slots=True)
class Patterns:
    """What the parts of a file look like.

    `record`: one well-formed record of any width. `run`: as many records of the right width as there are, without
    NULs and escapes, with their line ends. `unclosed`: a record up to a quoted field that nothing closes.
    `quoted`, `unquoted`: one field of a record. `literal`: a character that stands for itself.
    """

    record: re.Pattern[bytes]
    run: re.Pattern[bytes]
    unclosed: re.Pattern[bytes] | None
    quoted: re.Pattern[bytes] | None
    unquoted: re.Pattern[bytes]
    literal: re.Pattern[bytes]


def dialect_of(spec: CsvDialect, source_format: str) -> Dialect:
    """Return the dialect a job asks for; tabs separate TSV where the job doesn't say."""
    separator = spec.separator or ("\t" if source_format == "tsv" else ",")
    return Dialect(
        separator.encode(),
        spec.quote.encode(),
        spec.escape.encode(),
        spec.comment.encode(),
        spec.skip_initial_space,
    )


def parse_fields(record: bytes, dialect: Dialect, verbatim: Collection[bytes] = ()) -> list[bytes]:
    r"""Return the values of a well-formed record's fields, without quotes and escapes.

    Fields in `verbatim` stay as they are written, as `\\N` does where it stands for a missing value.
    """
    patterns = compile_patterns(dialect, 1)
    fields: list[bytes] = []
    position = 0
    while True:
        match = patterns.quoted.match(record, position) if patterns.quoted else None
        inner = match[0].lstrip(b" ")[1:-1] if match else None
        match = match or patterns.unquoted.match(record, position)
        assert match is not None
        bare = match[0].lstrip(b" ") if dialect.is_spaced else match[0]
        text = bare if inner is None else inner
        fields.append(text if text in verbatim else patterns.literal.sub(rb"\g<taken>", text))
        position = match.end()
        if position >= len(record):
            return fields
        position += len(dialect.separator)


@lru_cache(maxsize=16)
def compile_patterns(dialect: Dialect, width: int) -> Patterns:
    """Return the patterns of a dialect; `run` is for records of `width` fields."""
    quote, separator = re.escape(dialect.quote), re.escape(dialect.separator)
    escape = re.escape(dialect.escape)
    escaped = rb"|" + escape + rb"(?s:.)" if escape else b""
    inside = rb"(?:(?>[^" + quote + escape + rb"]++|" + quote * 2 + escaped + rb"))*+"
    blank = rb" *+" if dialect.is_spaced else b""
    quoted = blank + quote + inside + quote
    unquoted = rb"(?:(?>[^" + quote + separator + escape + rb"\r\n]++" + escaped + rb"))*+"
    field = rb"(?>" + quoted + rb"|" + unquoted + rb")" if quote else unquoted
    up_to_last = rb"(?:(?>" + field + separator + rb"))*+"
    tail = rb"(?:" + rb"|".join(mark for mark in {quote, escape} if mark) + rb")?+\Z"
    taken = [quote + rb"(?=" + quote + rb")"] if quote else []
    taken += [escape] if escape else []
    return Patterns(
        record=re.compile(up_to_last + field + rb"(?=[\r\n]|\Z)"),
        run=re.compile(_run(dialect, width)),
        unclosed=re.compile(up_to_last + blank + quote + inside + tail) if quote else None,
        quoted=re.compile(quoted) if quote else None,
        unquoted=re.compile(unquoted),
        literal=re.compile(
            rb"(?:" + rb"|".join(taken) + rb")(?P<taken>(?s:.))" if taken else rb"(?!)(?P<taken>)"
        ),
    )


def _run(dialect: Dialect, width: int) -> bytes:
    quote, separator = re.escape(dialect.quote), re.escape(dialect.separator)
    unwanted = rb"\0" + re.escape(dialect.escape)
    inside = rb"(?:(?>[^" + quote + unwanted + rb"]++|" + quote * 2 + rb"))*+"
    field = rb"[^" + quote + separator + unwanted + rb"\r\n]*+"
    if quote:
        field = rb"(?>" + quote + inside + quote + rb"|" + field + rb")"
    starts = rb"(?![\r\n])" + (rb"(?!" + re.escape(dialect.comment) + rb")" if dialect.comment else b"")
    return (
        rb"(?:(?>"
        + starts
        + rb"(?:(?>"
        + field
        + separator
        + rb")){%d}+" % (width - 1)
        + field
        + rb"\r?+\n)){1,65536}+"
    )
