"""What an event must be, as checks over a frame: the columnar twin of the models in `etl.event`. Pure."""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from etl.event import ENTITY_FIELDS, MAX_BODY_BYTES
from etl.reject import RejectCode
from etl.transform.fields import Check, FieldPlan, found
from etl.transform.timestamps import PROBLEM_CODES, TimeFormat

__all__ = ["BODY", "EARLIEST", "PROBLEM", "TIME", "TIME_TEXT", "body_size_check", "entity_checks", "time_checks"]

TIME, TIME_TEXT, PROBLEM, BODY = "\x1ftime", "\x1ftime_text", "\x1fproblem", "body"
EARLIEST: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - compared in UTC below
LATEST_AFTER_START: Final = timedelta(days=1)


def entity_checks(entity: FieldPlan, entity_column: str, own: dict[str, FieldPlan], columns: dict[str, str]) -> list[Check]:
    """Return the checks of the entity type and of the field that each type needs (`columns`: field to source column)."""
    entity_type = pl.col(entity.column)
    known = ", ".join(ENTITY_FIELDS)
    checks = [
        missing_check("entityType", entity_column, entity_type),
        Check(
            RejectCode.UNKNOWN_ENTITY_TYPE,
            "entityType",
            entity_column,
            ~entity_type.is_in(list(ENTITY_FIELDS)),
            pl.format("expected one of {}, found {}", pl.lit(known), found(entity_type)),
        ),
    ]
    for kind, field in ENTITY_FIELDS.items():
        wanted = entity_type == kind
        if field in own:
            missing = is_missing(pl.col(own[field].column))
            reason = pl.lit(f"expected `{field}`, which every {kind} event needs, found nothing")
            checks.append(Check(RejectCode.MISSING_REQUIRED, field, columns[field], wanted & missing, reason))
        else:
            reason = pl.lit(f"expected `{field}`, which every {kind} event needs, but the job maps no column to it")
            checks.append(Check(RejectCode.MISSING_REQUIRED, field, entity_column, wanted, reason))
    return checks


def missing_check(field: str, column: str, value: pl.Expr) -> Check:
    """Return the check that a required text is there and not empty."""
    return Check(RejectCode.MISSING_REQUIRED, field, column, is_missing(value), pl.lit(f"expected `{field}`, found nothing"))


def is_missing(value: pl.Expr) -> pl.Expr:
    """Return where a text is null or empty."""
    return value.is_null() | (value == "")


def time_checks(column: str, form: TimeFormat, started: datetime) -> list[Check]:
    """Return the checks of the row's own time; `started` is the run's start, naive UTC."""
    text, problem, time = pl.col(TIME_TEXT), pl.col(PROBLEM), pl.col(TIME)
    wanted = {"iso8601": "an ISO 8601 time with its zone, like 2024-01-31T09:30:00Z"}.get(
        form.pattern, f"a time in the format {form.pattern}"
    )
    zone = form.timezone or "the zone"
    reasons = {
        1: pl.format("expected {}, found {}", pl.lit(wanted), found(text)),
        2: pl.format("{} has no time zone, and the job names none for createdAt", found(text)),
        3: pl.format("{} happens twice in {}: the clock is set back", found(text), pl.lit(zone)),
        4: pl.format("{} never happens in {}: the clock is set forward over it", found(text), pl.lit(zone)),
    }
    latest = started + LATEST_AFTER_START
    checks = [
        Check(RejectCode.MISSING_REQUIRED, "createdAt", column, is_missing(text), pl.lit("expected a time, found nothing")),
        *(
            Check(RejectCode(PROBLEM_CODES[number]), "createdAt", column, problem == number, reason)
            for number, reason in reasons.items()
        ),
        Check(
            RejectCode.TIMESTAMP_OUT_OF_RANGE,
            "createdAt",
            column,
            ~time.dt.replace_time_zone(None).is_between(EARLIEST, latest),
            pl.format("expected a time from {} to {}, found {}", pl.lit(f"{EARLIEST:%Y-%m-%d}"), pl.lit(f"{latest:%Y-%m-%d}"), found(time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))),
        ),
    ]
    return checks


def body_size_check() -> Check:
    """Return the check of the destination's limit on a body."""
    size = pl.col(BODY).str.len_bytes()
    reason = pl.format("expected at most {} bytes, found {}", pl.lit(f"{MAX_BODY_BYTES:,}"), size.cast(pl.String))
    return Check(RejectCode.BODY_TOO_LARGE, "body", "", size > MAX_BODY_BYTES, reason)
