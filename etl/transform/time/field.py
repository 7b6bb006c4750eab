"""The row's own time: from its column to an instant, and the checks of it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import polars as pl

from etl.errors import JobError
from etl.job.line_numbers import nearest_name
from etl.job.model import TimestampSpec
from etl.times.patterns import (
    EPOCH_UNITS,
    EXCEL,
    ISO,
    check_pattern,
    is_pattern,
    lacks_year,
    literal_offset,
    mend_fraction,
    says_zone,
)
from etl.times.texts import parse_texts
from etl.times.zones import (
    AMBIGUOUS,
    LEAP_SECOND,
    NO_ZONE,
    NONEXISTENT,
    OUT_OF_RANGE,
    PROBLEM_CODES,
    UNPARSABLE,
    UTC_TIME,
    TimeFormat,
    is_known_zone,
    localize,
)
from etl.transform.columns import Columns, Flaw
from etl.transform.fields import Check
from etl.transform.phrases import found, phrase
from etl.transform.time.render import has_usual_year
from etl.transform.time.units import name_other_unit
from etl.transform.values import Value, to_text
from etl.values.reject import RejectCode
from etl.values.rows import YEAR

__all__ = ["CREATED_AT", "PROBLEM", "TIME", "TIME_TEXT", "TimePlan", "compile_time", "time_checks"]

TIME, TIME_TEXT, PROBLEM = "\x1ftime", "\x1ftime_text", "\x1fproblem"
CREATED_AT: Final = "\x1fcreatedAt"
_KEY: Final = "[event] createdAt"
_WANTED: Final = {
    ISO: "an ISO 8601 time with its zone, like 2024-01-31T09:30:00Z",
    EXCEL: "a serial day of a spreadsheet, like 45322.395833",
}


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Where the row's own time comes from, and how it is written."""

    column: str
    source: tuple[pl.Expr, ...]
    value: Value
    form: TimeFormat
    flaws: tuple[Flaw, ...]
    year: pl.Expr | None = None

    def read(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `TIME_TEXT` (as the source has it), `TIME` (Datetime µs UTC) and `PROBLEM` of each row.

        And `CREATED_AT` (as the event has it), where that came with the reading.
        """
        dtype, form = self.value.dtype, self.form
        value = frame.select(self.value.expr.alias(TIME_TEXT)).to_series()
        if isinstance(dtype, pl.Date | pl.Datetime):
            shown = frame.select(to_text(self.value.expr, dtype).alias(TIME_TEXT)).to_series()
            near, is_far = _within_calendar(value, dtype)
            if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
                times = near.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
                read = pl.DataFrame(
                    {"time": times, "problem": pl.zeros(len(times), dtype=pl.UInt8, eager=True)}
                )
            else:
                read = localize(near.cast(pl.Datetime("us"), strict=False), near.is_not_null(), form)
            if is_far is not None:
                far = pl.when(is_far).then(pl.lit(OUT_OF_RANGE, pl.UInt8)).otherwise(pl.col("problem"))
                read = read.with_columns(far.alias("problem"))
        else:
            shown = value.cast(pl.String)
            read = parse_texts(shown if self.year is None else self._dated(frame, shown), self._whole_form())
        columns = [
            shown.alias(TIME_TEXT),
            read["time"].cast(UTC_TIME).alias(TIME),
            read["problem"].alias(PROBLEM),
        ]
        return pl.DataFrame(
            [*columns, *(read[name].alias(CREATED_AT) for name in read.columns if name == "written")]
        )

    def _dated(self, frame: pl.DataFrame, texts: pl.Series) -> pl.Series:
        assert self.year is not None
        return frame.select(pl.concat_str(self.year, pl.lit(texts), separator=" ")).to_series()

    def _whole_form(self) -> TimeFormat:
        return self.form if self.year is None else replace(self.form, pattern=f"%Y {self.form.pattern}")


def compile_time(spec: TimestampSpec, columns: Columns) -> TimePlan:
    """Return the plan of the row's own time; raises `JobError` for a format or zone that can't be."""
    form = TimeFormat(spec.format, spec.timezone, spec.ambiguous, spec.nonexistent)
    _check_format(form, columns, has_year=spec.year is None)
    if spec.column is not None:
        operands = [columns.find(spec.column, _KEY)]
    elif spec.sql is not None:
        operands = [columns.parse_sql(spec.sql, "createdAt", _KEY)]
    else:
        operands = [columns.find(name, _KEY) for name in spec.columns or ()]
    if len(operands) == 1:
        value = operands[0].value
    else:
        parts = [to_text(operand.value.expr, operand.value.dtype) for operand in operands]
        value = Value(pl.concat_str(parts, separator=" "), pl.String())
    if isinstance(value.dtype, pl.Categorical | pl.Enum | pl.Null):
        value = Value(value.expr.cast(pl.String), pl.String())
    origin = ", ".join(operand.column for operand in operands)
    form = _check_type(value.dtype, form, origin, columns)
    sources = tuple(operand.source for operand in operands if operand.source is not None)
    flaws = tuple(flaw for operand in operands for flaw in operand.flaws)
    year = columns.find(YEAR, _KEY).value.expr if spec.year is not None else None
    return TimePlan(origin, sources, value, form, flaws, year)


def time_checks(plan: TimePlan, earliest: datetime, latest: datetime) -> list[Check]:
    """Return the checks of the row's own time; a time before `earliest` or after `latest` (both UTC) is out of
    range.
    """
    low, high = earliest.replace(tzinfo=None), latest.replace(tzinfo=None)
    text, problem, time = pl.col(TIME_TEXT), pl.col(PROBLEM), pl.col(TIME)
    is_missing = text.is_null() | (text == "")
    reasons = _problem_reasons(plan.form, low, high)
    return [
        *(_check(flaw.code, plan, flaw.failed, flaw.reason, flaw.found) for flaw in plan.flaws),
        _check(RejectCode.MISSING_REQUIRED, plan, is_missing, pl.lit("expected a time, found nothing")),
        *(
            _check(PROBLEM_CODES[number], plan, problem == number, reason, text)
            for number, reason in reasons.items()
        ),
        _check(
            RejectCode.TIMESTAMP_OUT_OF_RANGE,
            plan,
            ~time.dt.replace_time_zone(None).is_between(low, high),
            phrase(
                "expected a time from {} to {}, found {}{}",
                pl.lit(f"{low:%Y-%m-%d}"),
                pl.lit(f"{high:%Y-%m-%d}"),
                found(time.dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
                _hint(plan.form, low, high),
            ),
            time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
    ]


def _within_calendar(times: pl.Series, dtype: pl.Date | pl.Datetime) -> tuple[pl.Series, pl.Series | None]:
    """Return the times, null where an event can't have their year, and where that is; None for nowhere."""
    is_far = pl.select(~has_usual_year(pl.lit(times), dtype).fill_null(value=True)).to_series()
    return (
        (times, None) if not is_far.any() else (pl.select(pl.when(~is_far).then(times)).to_series(), is_far)
    )


def _problem_reasons(form: TimeFormat, low: datetime, high: datetime) -> dict[int, pl.Expr]:
    shown = found(pl.col(TIME_TEXT))
    wanted = _WANTED.get(form.pattern) or (
        f"a number, as {form.pattern}"
        if form.pattern in EPOCH_UNITS
        else f"a time in the format {form.pattern}"
    )
    zone = pl.lit(form.timezone or "the zone")
    return {
        UNPARSABLE: phrase("expected {}, found {}{}", pl.lit(wanted), shown, _hint(form, low, high)),
        LEAP_SECOND: phrase("{} is a leap second, which the destination's clock doesn't have", shown),
        NO_ZONE: phrase("{} has no time zone, and the job names none for createdAt", shown),
        AMBIGUOUS: phrase("{} happens twice in {}: the clock is set back", shown, zone),
        NONEXISTENT: phrase("{} never happens in {}: the clock is set forward over it", shown, zone),
        OUT_OF_RANGE: phrase(
            "expected a time from {} to {}, found {}{}",
            pl.lit(f"{low:%Y-%m-%d}"),
            pl.lit(f"{high:%Y-%m-%d}"),
            shown,
            _hint(form, low, high),
        ),
    }


def _hint(form: TimeFormat, low: datetime, high: datetime) -> pl.Expr:
    """Say what else the text would be, where it would be something credible."""
    text = pl.col(TIME_TEXT)
    if form.pattern in EPOCH_UNITS:
        is_iso = text.str.contains(r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)")
        return (
            pl.when(is_iso)
            .then(pl.lit("; it looks like iso8601"))
            .otherwise(name_other_unit(text, form.pattern, low, high))
        )
    return name_other_unit(text, form.pattern, low, high) if form.pattern == ISO else pl.lit("")


def _check(
    code: RejectCode, plan: TimePlan, failed: pl.Expr, reason: pl.Expr, found: pl.Expr | None = None
) -> Check:
    return Check(code, "createdAt", plan.column, failed, reason, found)


def _check_format(form: TimeFormat, columns: Columns, *, has_year: bool) -> None:
    names = [ISO, *EPOCH_UNITS, EXCEL]
    whole = f"%Y {form.pattern}"
    if has_year and lacks_year(form.pattern):
        raise JobError(
            f"Expected a time with its year, found `{form.pattern}`, which has none - {columns.place(_KEY)}",
            'Say the year of the first row: year = 2024 in createdAt, or "from-file-name", or "from-file-time"',
        )
    if not has_year and not lacks_year(form.pattern):
        raise JobError(
            f"Expected a strptime pattern without a year beside `year`, like %b %d %H:%M:%S, found `{form.pattern}` - "
            f"{columns.place(_KEY)}",
            "Remove `year` from createdAt, or the year from its format",
        )
    if problem := check_pattern(form.pattern if has_year else whole):
        guess = mend_fraction(form.pattern) or nearest_name(form.pattern, names)
        raise JobError(
            f"Expected {', '.join(names)} or a strptime pattern like %Y-%m-%d %H:%M:%S, "
            f"found `{form.pattern}`: {problem} - {columns.place(_KEY)}",
            f'Set format = "{guess}"'
            if guess
            else "Mend `format`, or leave it out where the times are ISO 8601",
        )
    if form.timezone is not None and not is_known_zone(form.timezone):
        raise JobError(
            f"Expected an IANA time zone like `America/Los_Angeles`, found `{form.timezone}` - {columns.place(_KEY)}",
            'Name a zone that every system knows, like timezone = "UTC", in createdAt',
        )
    offset = literal_offset(form.pattern)
    if offset is not None and form.timezone not in (None, "UTC", "Etc/UTC", "GMT"):
        raise JobError(
            f"Expected one zone, found one at the end of `{form.pattern}` and `{form.timezone}` - "
            f"{columns.place(_KEY)}",
            "Remove timezone from createdAt: what the times themselves say holds",
        )


def _check_type(dtype: pl.DataType, form: TimeFormat, origin: str, columns: Columns) -> TimeFormat:
    """Return the format that holds for a column of the type; raises `JobError` for a type that holds no times."""
    is_local = dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None)
    needs_zone = dtype == pl.String and form.pattern != ISO and not says_zone(form.pattern)
    needs_zone |= dtype.is_numeric() and (
        form.pattern == EXCEL or (is_pattern(form.pattern) and not says_zone(form.pattern))
    )
    if dtype.is_nested() or dtype in (pl.Boolean, pl.Binary, pl.Time) or isinstance(dtype, pl.Duration):
        raise JobError(
            f"Expected a time, found {dtype} in `{origin}` - {columns.place(_KEY)}",
            "Name the column that holds the time",
        )
    if dtype.is_numeric() and form.pattern == ISO:
        raise JobError(
            f"Expected a time, found numbers ({dtype}) in `{origin}` - {columns.place(_KEY)}",
            'Say their unit: format = "epoch_s", "epoch_ms", "epoch_us" or "epoch_ns" in createdAt',
        )
    if form.timezone is None and (is_local or needs_zone):
        raise JobError(
            f"Expected the time zone of `{origin}`, whose times don't say it, found none - {columns.place(_KEY)}",
            'Say which clock wrote them: timezone = "UTC" or timezone = "America/New_York" in createdAt',
        )
    # The type says how the times are to be read, whatever the format.
    return replace(form, pattern=ISO) if dtype.is_temporal() else form
