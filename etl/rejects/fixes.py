"""Says how to mend a cause: the line of the job file, or the cell. Pure.

Speaks of the user's columns and keys, never of the program's insides.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import polars as pl

from etl.event import ENTITY_FIELDS
from etl.guess.times import TimeGuess, guess_time
from etl.guess.writing import render_name, render_value
from etl.job.line_numbers import Place, place_of
from etl.job.model import FieldSpec, Job
from etl.plain import shorten
from etl.rejects.tally import Cause
from etl.times.texts import parse_texts
from etl.times.zones import TimeFormat
from etl.values.findings import Finding, Level

__all__ = ["describe_cause", "explain_fixes"]

_MOST_VALUES: Final = 3
# What no line of the job file decides.
_BEYOND_THE_JOB: Final = ("malformed_record", "server_rejected")

WHAT: Final = {
    "malformed_record": "the record is not a whole row",
    "invalid_utf8": "the bytes are not in the file's encoding",
    "missing_required": "`{field}` is missing",
    "unparsable_timestamp": "the time in `{column}` can't be read",
    "ambiguous_timestamp": "the time in `{column}` happened twice: the clock was set back",
    "nonexistent_timestamp": "the time in `{column}` never happened: the clock was set forward",
    "timestamp_out_of_range": "the time in `{column}` can't be right",
    "unparsable_value": "`{field}` can't take the value in `{column}`",
    "unmapped_value": "the map of `{field}` doesn't know the value in `{column}`",
    "unknown_entity_type": "the API has no such entity type as in `{column}`",
    "invalid_json": "the cell in `{column}` is not JSON",
    "number_not_finite": "the number in `{column}` is none that JSON can hold",
    "body_too_large": "the event is over 2 MB, the most that the API takes",
    "server_rejected": "the server refused the event",
    "conflict": "another event has this id",
}


def describe_cause(job: Job, cause: Cause, read: int) -> Finding:
    """Return the finding that tells `cause`, of `read` rows, with the place to mend."""
    place = _place(job, cause)
    what = WHAT.get(cause.code, cause.code).format(field=_plain(cause.field), column=cause.column)
    if values := _commonest(cause):
        what += f": {values}"
    level: Level = "error"
    return Finding(
        level=level,
        code=cause.code,
        what=what,
        rows=cause.rows,
        share=cause.rows / read if read else 0.0,
        fix=_FIXES.get(cause.code, _fix_cell)(job, cause),
        field=cause.field,
        column=cause.column,
        examples=tuple(cause.examples),
        job_file=str(place.path) if place and place.line else None,
        job_line=place.line if place else None,
    )


def explain_fixes(findings: Iterable[Finding]) -> dict[tuple[str, str, str], str]:
    """Return what to mend by code, field and column: first the line of the job file that decides it, if any."""
    fixes = {}
    for finding in findings:
        place = f"{finding.job_file} line {finding.job_line}: " if finding.job_line else ""
        fixes[finding.code, finding.field, finding.column] = place + finding.fix
    return fixes


def _place(job: Job, cause: Cause) -> Place | None:
    if cause.code in _BEYOND_THE_JOB or (cause.code == "conflict" and not cause.field):
        return None
    if cause.code == "invalid_utf8":
        return place_of(job, "source.csv", "encoding")
    if not cause.field or cause.field == "body":
        return place_of(job, "event", "properties")
    table, _, key = f"event.{cause.field}".rpartition(".")
    return place_of(job, table, key)


def _commonest(cause: Cause) -> str:
    """Return the values that stand there most often, with their counts."""
    if cause.code in ("missing_required", "body_too_large"):
        return ""
    shown = []
    for value, count in cause.found.most_common(_MOST_VALUES):
        shown.append(f"`{shorten(value, 40)}`" + (f" ×{count:,}" if count > 1 else ""))
    more = len(cause.found) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _values(cause: Cause) -> list[str]:
    return [value for value, _ in cause.found.most_common(20)]


def _fix_record(_: Job, cause: Cause) -> str:
    example = cause.examples[0]
    at = f"line {example.line}" if example.line else f"row {example.row}"
    if "holds the error #" in example.text:
        return (
            "mend these cells in the workbook, or take such errors for missing: "
            'null_values = ["", "#N/A"] under [source.excel]'
        )
    return (
        f"mend these records in the file (the first: {example.file} {at}): quote cells that hold separators, quotes "
        "or line breaks"
    )


def _fix_encoding(job: Job, _: Cause) -> str:
    here = f"the files are read as {job.source.csv.encoding}"
    return (
        f'{here}; if they are all in another encoding, say so: encoding = "windows-1252" under [source.csv]'
    )


def _fix_missing(job: Job, cause: Cause) -> str:
    if not cause.column:
        return f"map a column to `{_plain(cause.field)}`"
    if cause.field in ENTITY_FIELDS.values() and _spec(job, cause.field) is None:
        return f'map the column that holds it under [event], as in {_plain(cause.field)} = "your_column"'
    return f"fill `{cause.column}` in these rows, or leave them out{_filter(job, cause, 'IS NOT NULL')}"


def _fix_time(job: Job, cause: Cause) -> str:
    form = job.event.createdAt.format
    values = _values(cause)
    if job.event.createdAt.timezone is None and any(map(_lacks_zone, values)):
        return 'say which clock wrote them: timezone = "UTC", or "America/New_York", in createdAt'
    if values and all(re.fullmatch(r"\d{10}(\.\d+)?", value) for value in values):
        return 'these look like seconds since 1970: format = "epoch_s" in createdAt'
    if values and all(re.fullmatch(r"\d{13}", value) for value in values):
        return 'these look like milliseconds since 1970: format = "epoch_ms" in createdAt'
    found = guess_time(pl.Series(values, dtype=pl.String)) or _guess_most(values)
    if found is not None and found.format != form:
        fits = _count_readable(cause, found.format)
        return (
            f"{fits:,} of {sum(cause.found.values()):,} of the rejected times read as `{found.format}`: set it as "
            "`format` in createdAt where all are written so, or mend these cells"
        )
    return f"mend these cells, or `format` in createdAt, which is {form}"


def _guess_most(values: list[str]) -> TimeGuess | None:
    """Return how the largest group of texts that are written alike are times."""
    groups: dict[str, list[str]] = {}
    for value in values:
        groups.setdefault(re.sub(r"\d+", "0", value), []).append(value)
    ranked = sorted(groups.values(), key=len, reverse=True)
    guesses = (guess_time(pl.Series(group, dtype=pl.String)) for group in ranked)
    return next((guess for guess in guesses if guess is not None), None)


def _count_readable(cause: Cause, form: str) -> int:
    texts = pl.Series(list(cause.found), dtype=pl.String)
    read = parse_texts(texts, TimeFormat(form, "UTC"))["time"].is_not_null()
    return sum(count for count, is_read in zip(cause.found.values(), read, strict=True) if is_read)


def _lacks_zone(value: str) -> bool:
    """Tell whether `value` is a time of the ISO standard that doesn't say of which clock."""
    try:
        return len(value) > len("2024-01-31") and datetime.fromisoformat(value.strip()).tzinfo is None
    except ValueError:
        return False


def _fix_range(job: Job, cause: Cause) -> str:
    years = [int(value[:4]) for value in _values(cause) if re.match(r"\d{4}-", value)]
    form = job.event.createdAt.format
    if years and max(years) <= 1970 and form in ("epoch_ms", "epoch_us", "epoch_ns"):
        return "a time of 1970 is a zero, or seconds read as milliseconds: mend these cells, or `format` in createdAt"
    if years and min(years) > 2100 and form == "epoch_s":
        return 'these look like milliseconds: format = "epoch_ms" in createdAt'
    if years and max(years) <= 1970:
        return "a time of 1970 is a zero exported as a date: mend these cells, or leave the rows out with [filter]"
    return "mend these cells, or leave the rows out with [filter]"


def _fix_ambiguous(*_: object) -> str:
    return (
        'decide which of the two is meant: ambiguous = "earliest" or "latest" in createdAt; or export the times in '
        "UTC"
    )


def _fix_nonexistent(*_: object) -> str:
    return (
        'read them as the hour after: nonexistent = "shift_forward" in createdAt; or export the times in UTC'
    )


def _fix_unmapped(_: Job, cause: Cause) -> str:
    values = _values(cause)
    value = values[0] if values else "your_value"
    return f'add them to the map, as in "{value}" = "…", or give a `default` for all others'


def _fix_value(job: Job, cause: Cause) -> str:
    spec = _spec(job, cause.field)
    if spec is not None and spec.cast:
        return f'mend these cells, or send the column as it is: leave out cast = "{spec.cast}"'
    return "mend these cells, or the field's sql"


def _fix_entity(job: Job, cause: Cause) -> str:
    wanted = _filter(job, cause, "IN ('message', 'conversation', 'search')")
    return f"map them with `map` in entityType, or leave the rows out{wanted}"


def _filter(job: Job, cause: Cause, condition: str) -> str:
    """Return the filter that keeps rows whose column meets `condition`, as it can be copied into the job file."""
    spec = _spec(job, cause.field)
    # SQL reads whole columns: none of a path into one, and none that SQL made.
    if spec is None or spec.column != cause.column or "." in cause.column:
        return " with [filter]"
    return f": sql = {render_value(f'{render_name(cause.column)} {condition}')} under [filter]"


def _fix_body(*_: object) -> str:
    return "shorten the longest cell of these rows, or map fewer columns"


def _fix_number(*_: object) -> str:
    return 'mend these cells, or send null for them: non_finite = "null" under [event]'


def _fix_server(*_: object) -> str:
    return "mend the row or its mapping as the server's answer says"


def _fix_conflict(job: Job, cause: Cause) -> str:
    if cause.field:  # found while staging
        return "mend these rows, or the columns that their id is made of"
    return _fix_server(job, cause)


def _fix_cell(*_: object) -> str:
    return "mend these cells"


def _spec(job: Job, name: str) -> FieldSpec | None:
    table, _, key = name.rpartition(".")
    if table == "properties":
        return job.event.properties.fields.get(key)
    if table == "userProperties":
        return job.event.userProperties.get(key)
    found = getattr(job.event, key, None)
    return found if isinstance(found, FieldSpec) else None


def _plain(field: str) -> str:
    return field or "a field"


_FIXES: Final[dict[str, Callable[[Job, Cause], str]]] = {
    "malformed_record": _fix_record,
    "invalid_utf8": _fix_encoding,
    "missing_required": _fix_missing,
    "unparsable_timestamp": _fix_time,
    "timestamp_out_of_range": _fix_range,
    "ambiguous_timestamp": _fix_ambiguous,
    "nonexistent_timestamp": _fix_nonexistent,
    "unparsable_value": _fix_value,
    "unmapped_value": _fix_unmapped,
    "unknown_entity_type": _fix_entity,
    "invalid_json": _fix_value,
    "number_not_finite": _fix_number,
    "body_too_large": _fix_body,
    "server_rejected": _fix_server,
    "conflict": _fix_conflict,
}
