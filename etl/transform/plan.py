"""Applies a compiled job to frames of rows: events, rejects and skipped rows. Pure, except for a job's own hook."""

from dataclasses import dataclass

import polars as pl

from etl.transform.bodies import EventFields, add_bodies
from etl.transform.fields import Check
from etl.transform.hook import Hook
from etl.transform.origin import Original
from etl.transform.phrases import shown
from etl.transform.prepare import REASON, prepare_rows
from etl.transform.rules import SIZE, body_size_check
from etl.transform.time.field import TimePlan
from etl.values.reject import RejectCode
from etl.values.rows import LINE, REJECT_SCHEMA, ROW, Transformed

__all__ = ["Plan"]

_CHECK, _ORIGIN = "\x1fcheck", "\x1forigin"


@dataclass(frozen=True, slots=True)
class Plan:
    """A job compiled for one source: see `etl.transform.compile`."""

    original: Original
    hook: Hook | None
    filter: pl.Expr | None
    fields: EventFields
    time: TimePlan
    checks: tuple[Check, ...]
    keeps_name: bool
    with_source: bool
    is_dry: bool

    def apply(self, frame: pl.DataFrame) -> Transformed:
        """Return the events and rejects of a frame of rows (the source's columns and `ROW`).

        Raises `JobError` where the job's own hook breaks its rule.
        """
        prepared = prepare_rows(frame, self.hook, self.filter, self._sources())
        rejects = [] if prepared.failed is None else [self._reject_failed(prepared.failed)]
        frame = self._add_fields(prepared.frame)
        checks = [check.failed.fill_null(value=False) for check in self.checks]
        failed = frame.select(pl.any_horizontal(checks)).to_series()
        if failed.any():
            rejects.append(self._reject(frame.filter(failed), self.checks))
            frame = frame.filter(~failed)
        source = self.original if self.with_source else None
        events = add_bodies(frame, self.fields, source=source, keeps_name=self.keeps_name, is_dry=self.is_dry)
        size = body_size_check()
        too_large = events.select(size.failed).to_series()
        if too_large.any():
            rejects.append(self._reject(frame.with_columns(events[SIZE]).filter(too_large), (size,)))
            events = events.filter(~too_large)
        return Transformed(events, _join(rejects), prepared.skipped)

    def _sources(self) -> list[pl.Expr]:
        """Return what is computed before the fields, each once however many fields read it."""
        given = [*(plan.source for plan in self.fields.plans if plan.source is not None), *self.time.source]
        return list({source.meta.output_name(): source for source in given}.values())

    def _add_fields(self, frame: pl.DataFrame) -> pl.DataFrame:
        depth = max(len(plan.steps) for plan in self.fields.plans)
        for number in range(depth):
            frame = frame.with_columns(
                [plan.steps[number] for plan in self.fields.plans if number < len(plan.steps)]
            )
        return frame.hstack(self.time.read(frame))

    def _reject(self, frame: pl.DataFrame, checks: tuple[Check, ...]) -> pl.DataFrame:
        """Return a reject for each row of `frame`, by the first check that it fails."""
        which = pl.coalesce(
            pl.when(check.failed.fill_null(value=False)).then(pl.lit(number, pl.UInt16))
            for number, check in enumerate(checks)
        )
        frame = frame.with_columns(which.alias(_CHECK), self.original.encode(frame).alias(_ORIGIN))
        parts = []
        for number, check in enumerate(checks):
            rows = frame.filter(pl.col(_CHECK) == number)
            if rows.height:
                parts.append(_reject_rows(rows, check))
        return pl.concat(parts)

    def _reject_failed(self, failed: pl.DataFrame) -> pl.DataFrame:
        """Return the rejects of rows as they came from the source, before any hook."""
        original = Original(self.original.schema, self.original.json_flags)
        rows = failed.with_columns(original.encode(failed).alias(_ORIGIN))
        check = Check(RejectCode.UNPARSABLE_VALUE, "", "", pl.lit(value=True), pl.col(REASON))
        return _reject_rows(rows, check)


def _reject_rows(frame: pl.DataFrame, check: Check) -> pl.DataFrame:
    found = pl.lit(None, pl.String) if check.found is None else shown(check.found)
    return frame.select(
        pl.col(ROW).alias("row"),
        (pl.col(LINE) if LINE in frame.columns else pl.lit(None, pl.UInt32)).alias("line"),
        pl.lit(check.code.value).alias("code"),
        pl.lit(check.field).alias("field"),
        pl.lit(check.column).alias("column"),
        check.reason.alias("reason"),
        found.alias("found"),
        pl.col(_ORIGIN).alias("source"),
        pl.lit(None, pl.String).alias("raw"),
    )


def _join(rejects: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(rejects).sort("row") if rejects else pl.DataFrame(schema=REJECT_SCHEMA)
