"""Applies a compiled job to frames of rows: events, rejects and skipped rows come out. Pure."""

from dataclasses import dataclass, replace

import polars as pl

from etl.event import ENTITY_FIELDS
from etl.rows import REJECT_SCHEMA, ROW, Transformed
from etl.reject import RejectCode
from etl.transform.encode import Member, encode_object, encode_string, render_timestamp, to_json_ready, to_text
from etl.transform.fields import Check, FieldPlan
from etl.transform.identity import body_of, id_of, key_name
from etl.transform.rules import BODY, PROBLEM, TIME, TIME_TEXT, body_size_check
from etl.transform.timestamps import UTC_TIME, TimeFormat, localize, parse_texts

__all__ = ["Plan", "TimePlan"]

@dataclass(frozen=True, slots=True)
class TimePlan:
    """Where the row's own time comes from, and how it is written."""

    column: str
    value: pl.Expr
    dtype: pl.DataType
    form: TimeFormat


@dataclass(frozen=True, slots=True)
class Plan:
    """A job compiled for one source: see `etl.transform.compile`."""

    schema: dict[str, pl.DataType]
    json_flags: dict[str, str]
    filter: pl.Expr | None
    fields: tuple[FieldPlan, ...]
    entity: FieldPlan
    kind: FieldPlan
    own: dict[str, FieldPlan]
    extra: dict[str, FieldPlan]
    properties: dict[str, FieldPlan]
    user_properties: dict[str, FieldPlan]
    time: TimePlan
    checks: tuple[Check, ...]
    keys: dict[str, pl.Expr]
    verbatim: pl.Expr | None
    keeps_name: bool

    def apply(self, frame: pl.DataFrame) -> Transformed:
        """Return the events and rejects of a frame of rows (the source's columns and `ROW`)."""
        try:
            return self._apply(frame)
        except pl.exceptions.PolarsError as error:
            # A strict CAST in the job's SQL raises for a whole frame: halve it until the row that can't be cast is alone.
            if frame.height > 1:
                half = frame.height // 2
                return _join(self.apply(frame[:half]), self.apply(frame[half:]))
            if frame.height == 0:
                raise
            return self._reject_uncomputable(frame, str(error))

    def _apply(self, frame: pl.DataFrame) -> Transformed:
        read = frame.height
        if self.filter is not None:
            frame = frame.filter(self.filter)
        skipped = read - frame.height
        frame = self._add_fields(frame)
        failed = frame.select(pl.any_horizontal([check.failed.fill_null(value=False) for check in self.checks])).to_series()
        rejects = self._reject(frame.filter(failed), self.checks) if failed.any() else _no_rejects()
        if rejects.height:
            frame = frame.filter(~failed)
        events = self._add_bodies(frame)
        size = body_size_check()
        too_large = events.select(size.failed).to_series()
        if too_large.any():
            frame = frame.with_columns(events[BODY])
            rejects = pl.concat([rejects, self._reject(frame.filter(too_large), (size,))]).sort("row")
            events = events.filter(~too_large)
        return Transformed(events, rejects, skipped)

    def _add_fields(self, frame: pl.DataFrame) -> pl.DataFrame:
        sources = [field.source for field in self.fields if field.source is not None]
        if sources:
            frame = frame.with_columns(sources)
        frame = frame.with_columns([field.value for field in self.fields])
        return frame.hstack(self._read_times(frame))

    def _read_times(self, frame: pl.DataFrame) -> pl.DataFrame:
        dtype, form = self.time.dtype, self.time.form
        value = frame.select(self.time.value.alias(TIME_TEXT)).to_series()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            times = value.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
            read = pl.DataFrame({"time": times, "problem": pl.zeros(len(times), dtype=pl.UInt8, eager=True)})
        elif isinstance(dtype, pl.Datetime) or dtype == pl.Date:
            read = localize(value.cast(pl.Datetime("us")), value.is_not_null(), form)
        else:
            read = parse_texts(value.cast(pl.String), form)
        shown = value if dtype == pl.String else frame.select(to_text(self.time.value, dtype).alias(TIME_TEXT)).to_series()
        return pl.DataFrame(
            [shown, read["time"].cast(UTC_TIME).alias(TIME), read["problem"].alias(PROBLEM)],
        )

    def _add_bodies(self, frame: pl.DataFrame) -> pl.DataFrame:
        frame = frame.with_columns(
            render_timestamp(pl.col(TIME)).alias("\x1fcreatedAt"),
            *(
                pl.when(pl.col(self.entity.column) == kind).then(pl.col(self.own[field].column)).alias(self.own[field].column)
                for kind, field in ENTITY_FIELDS.items()
                if field in self.own and len(self.own) > 1
            ),
        )
        members = [
            Member("type", self.kind.column),
            Member("entityType", self.entity.column),
            *(Member(field, self.own[field].column) for field in ENTITY_FIELDS.values() if field in self.own),
            Member("createdAt", "\x1fcreatedAt"),
            *_members(self.extra),
            *([Member("properties", members=_members(self.properties))] if self.properties else []),
            *([Member("userProperties", members=_members(self.user_properties))] if self.user_properties else []),
        ]
        content = encode_object(frame, members).alias("\x1fcontent")
        if self.keys:
            name = key_name(pl.col(self.entity.column), self.keys)
        else:
            name = pl.col("\x1fcontent")
        event_id = id_of(name) if self.verbatim is None else self.verbatim
        frame = frame.with_columns(content)
        frame = frame.with_columns(event_id.alias("id"))
        return frame.select(
            pl.col(ROW).alias("row"),
            "id",
            body_of(pl.col("id"), pl.col("\x1fcontent"), is_uuid=self.verbatim is None).alias(BODY),
            pl.col(TIME).alias("created_at"),
            pl.col(self.kind.column).alias("type"),
            pl.col(self.entity.column).alias("entity_type"),
            self._source_json().alias("source"),
            *([name.alias("name")] if self.keeps_name else []),
        )

    def _reject(self, frame: pl.DataFrame, checks: tuple[Check, ...]) -> pl.DataFrame:
        """Return a reject for each row of `frame`, by the first check that it fails."""
        which = pl.coalesce(
            pl.when(check.failed.fill_null(value=False)).then(pl.lit(number, pl.UInt16))
            for number, check in enumerate(checks)
        )
        frame = frame.with_columns(which.alias("\x1fcheck"), self._source_json().alias("\x1forigin"))
        parts = []
        for number, check in enumerate(checks):
            rows = frame.filter(pl.col("\x1fcheck") == number)
            if rows.height:
                parts.append(_reject_rows(rows, check.code, check.field, check.column, check.reason))
        return pl.concat(parts).sort("row")

    def _reject_uncomputable(self, frame: pl.DataFrame, message: str) -> Transformed:
        reason = pl.lit(f"the job's SQL can't be computed: {message.splitlines()[0][:200]}")
        rows = frame.with_columns(self._source_json().alias("\x1forigin"))
        rejects = _reject_rows(rows, RejectCode.UNPARSABLE_VALUE, "", "", reason)
        empty = self._apply(frame.clear())
        return replace(empty, rejects=rejects)

    def _source_json(self) -> pl.Expr:
        """The original columns as one JSON object, nulls kept."""
        pieces: list[pl.Expr] = []
        plain: list[pl.Expr] = []
        for name, dtype in self.schema.items():
            value, is_json = to_json_ready(pl.col(name), dtype)
            if name in self.json_flags:
                value = pl.when(pl.col(self.json_flags[name])).then(pl.col(name)).otherwise(encode_string(pl.col(name)))
                is_json = True
            if not is_json:
                plain.append(value.alias(name))
                continue
            pieces.append(encode_plain(plain))
            plain = []
            key = pl.lit(f'"{name}":') if '"' not in name and "\\" not in name else encode_string(pl.lit(name)) + pl.lit(":")
            pieces.append(pl.concat_str(key, value.fill_null("null")))
        pieces.append(encode_plain(plain))
        pieces = [piece for piece in pieces if piece is not None]
        return pl.concat_str(pl.lit("{"), pl.concat_str(pieces, separator=","), pl.lit("}"))


def encode_plain(values: list[pl.Expr]) -> pl.Expr | None:
    """Return the members of a JSON object without its braces, nulls kept; None for no members."""
    if not values:
        return None
    return pl.struct(values).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")


def _members(plans: dict[str, FieldPlan]) -> tuple[Member, ...]:
    return tuple(Member(key, plan.column, is_json=plan.is_json) for key, plan in plans.items())


def _reject_rows(frame: pl.DataFrame, code: RejectCode, field: str, column: str, reason: pl.Expr) -> pl.DataFrame:
    return frame.select(
        pl.col(ROW).alias("row"),
        pl.lit(None, pl.UInt32).alias("line"),
        pl.lit(code.value).alias("code"),
        pl.lit(field).alias("field"),
        pl.lit(column).alias("column"),
        reason.alias("reason"),
        pl.col("\x1forigin").alias("source"),
        pl.lit(None, pl.String).alias("raw"),
    )


def _no_rejects() -> pl.DataFrame:
    return pl.DataFrame(schema=REJECT_SCHEMA)


def _join(first: Transformed, second: Transformed) -> Transformed:
    return Transformed(
        pl.concat([first.events, second.events]),
        pl.concat([first.rejects, second.rejects]),
        first.skipped + second.skipped,
    )
