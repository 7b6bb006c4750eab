"""A dry run: every row read, transformed and checked; nothing staged, nothing sent, no network, no key.

Rule: memory doesn't grow with the rows; ids go to a scratch folder that is gone at the end.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from etl.errors import InputError, LimitReached
from etl.intake.batches import TransformedBatch, open_rows, transform_rows
from etl.intake.clock import CLOCK_FIX, doubt_clock, writing_times
from etl.intake.field_sources import field_origins
from etl.intake.hopeless import stopped_early
from etl.intake.id_audit import IdAudit, facts_of
from etl.intake.window import job_window
from etl.job.model import Job
from etl.rejects.fixes import describe_cause, explain_fixes
from etl.rejects.tally import CauseTally
from etl.report.progress import Progress
from etl.state.place import JobPlace
from etl.validation.body_findings import BodyLooks
from etl.validation.corrections import can_compare, find_corrections, find_skipped
from etl.validation.event_counts import EventTally
from etl.validation.id_changes import find_changed_ids
from etl.validation.reject_file import RejectKeeper
from etl.validation.warnings import find_warnings
from etl.values.books import Books
from etl.values.findings import BodySizes, Finding, Forecast, KindCount, Validation
from etl.values.outcome import Outcome
from etl.values.rows import malformed_frame

__all__ = ["DryOptions", "validate_job"]

EXIT_REJECTS: Final = 3
PART_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class DryOptions:
    """How to validate: `sample` rows of each file (None: all), where rejects are written, where state is."""

    sample: int | None = None
    rejects_out: Path | None = None
    state_dir: Path | None = None


def validate_job(
    job: Job,
    options: DryOptions,
    progress: Progress,
    *,
    wall_clock: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Validation:
    """Return what a run of `job` would do, and what is in its way.

    Raises `JobError` for a mapping that doesn't fit the files, `InputError` for files that are missing or unreadable,
    `StateError` where the scratch folder can't be written.
    """
    began = clock()
    started = datetime.fromtimestamp(wall_clock(), UTC)
    with progress, tempfile.TemporaryDirectory(prefix="backfill-", dir=scratch_root()) as scratch:
        survey = _Survey(job, options, Path(scratch), started)
        with closing(survey.ids):
            for batch in survey.batches():
                survey.add(batch)
                progress.read(survey.books.read, survey.books.rejected)
                if survey.is_hopeless:
                    break
            return survey.conclude(clock() - began, datetime.fromtimestamp(wall_clock(), UTC))


def scratch_root() -> str | None:
    """Return the folder for large temporary files; /tmp is memory on many systems, /var/tmp is not."""
    if os.environ.get("TMPDIR"):
        return None
    large = Path("/var/tmp")  # noqa: S108 - a folder of its own, private, is made inside
    return str(large) if os.access(large, os.W_OK) else None


@dataclass
class _Survey:
    job: Job
    options: DryOptions
    scratch: Path
    started: datetime
    books: Books = field(default_factory=Books)

    def __post_init__(self) -> None:
        # What was delivered has real ids.
        self.asks_ledger = can_compare(self.job, self.options.state_dir)
        fetched = JobPlace.of(self.job, self.options.state_dir, "").folder / "fetched"
        self.source, self.plans = open_rows(
            self.job, self.started, with_source=False, is_dry=not self.asks_ledger, fetched=fetched
        )
        names = tuple(file.name for file in self.source.files)
        identity = self.job.event.id
        self.names = names
        self.tally = EventTally(self.job.event.createdAt.timezone)
        self.causes = CauseTally()
        self.looks = BodyLooks()
        self.compares = identity.kind != "content"
        self.ids = IdAudit(
            self.scratch, numbers_repeats=identity.duplicates == "number", compares=self.compares
        )
        self.waiting: list[pl.DataFrame] = []
        self.waiting_rows = 0
        self.keeper = RejectKeeper(self.scratch) if self.options.rejects_out else None

    def batches(self) -> Iterator[TransformedBatch]:
        """Yield what becomes of the rows, of a sample of each file where one is asked for."""
        files, window = range(len(self.source.files)), job_window(self.job)
        if self.options.sample is None:
            # All in one go: of thousands of small files, two are worked on at once.
            yield from transform_rows(self.source, self.plans, files, window=window)
            return
        for file in files:
            left = self.options.sample
            for batch in transform_rows(self.source, self.plans, range(file, file + 1), window=window):
                yield batch
                left -= sum(batch.rows.values())
                if left <= 0:
                    break

    def add(self, batch: TransformedBatch) -> None:
        """Count one batch in."""
        done = batch.transformed
        rejected = done.rejects.height + len(batch.malformed)
        facts = facts_of(done.events, with_content=self.compares)
        self.waiting.append(facts)
        self.waiting_rows += facts.height
        if self.waiting_rows >= PART_ROWS:
            self._count_waiting()
        self.looks.add(done.events)
        if rejected:
            self._add_rejects(batch)
        self.books += Books(
            read=sum(batch.rows.values()), rejected=rejected, skipped=done.skipped, pending=done.events.height
        )

    def _add_rejects(self, batch: TransformedBatch) -> None:
        rejects = batch.transformed.rejects
        if batch.malformed:
            file = pl.lit(batch.file, pl.UInt32).alias("file")
            rejects = pl.concat([rejects, malformed_frame(batch.malformed).with_columns(file)]).sort("row")
        named = rejects.with_columns(pl.Series("file", self.names).gather(rejects["file"]))
        self.causes.add(named)
        if self.keeper is not None:
            self.keeper.add(named)

    @property
    def is_hopeless(self) -> bool:
        """Whether to read no further."""
        return self._stopped_early() is not None

    def _stopped_early(self) -> str | None:
        books = self.books
        return stopped_early(books.read, books.rejected, self.job.limits.max_rejects, self.job.path)

    def _count_waiting(self) -> None:
        """Count the facts of some batches together: Polars takes as long to begin as to count one of them."""
        if self.waiting:
            part = pl.concat(self.waiting)
            self.tally.add(part)
            self.ids.add(part)
            self.waiting, self.waiting_rows = [], 0

    def conclude(self, elapsed_seconds: float, now: datetime) -> Validation:
        """Find the duplicates, and tell everything."""
        if not self.books.read:
            raise InputError(
                f"Expected rows, found none - {', '.join(self.names)}",
                "Check that the files hold more than a header, and [source] paths",
            )
        self._count_waiting()
        duplicates, repeats = self.ids.find()
        for facts in repeats:
            self.tally.remove(facts)
        refused = self._count_refused()
        books = self.books = self.books + Books(
            rejected=refused, duplicate=duplicates - refused, pending=-duplicates
        )
        if not books.balances:
            raise AssertionError(f"the books of the dry run don't balance: {books}")
        findings = [describe_cause(self.job, cause, books.read) for cause in self.causes.causes()]
        if self.keeper is not None and self.options.rejects_out is not None:
            self.keeper.write(self.options.rejects_out, explain_fixes(findings))
        findings += find_warnings(self.job, self.tally, self.looks, self.ids, books, self.names, now)
        if (doubt := doubt_clock(self.started, writing_times(self.source.files))) is not None:
            findings = [finding for finding in findings if finding.code != "future_times"]
            findings.append(Finding("warning", "clock_in_doubt", doubt, 0, 0.0, CLOCK_FIX))
        if changed := find_changed_ids(self.job, self.options.state_dir, self.started):
            findings.append(changed)
        if self.asks_ledger and (
            corrections := find_corrections(
                self.job, self.options.state_dir, self.ids, self.names, books.read
            )
        ):
            findings.append(corrections)
        if skipped := find_skipped(self.job, self.options.state_dir, self.started):
            findings.append(skipped)
        return Validation(
            outcome=self._outcome(elapsed_seconds),
            files=self.names,
            findings=tuple(sorted(findings, key=_cost)),
            forecast=self._forecast(now),
            id_kind=self.job.event.id.kind,
            sampled=self.options.sample,
            columns=tuple(self.source.schema),
            origins=field_origins(self.job, tuple(self.source.schema)),
            endpoint=self.job.upload.endpoint,
        )

    def _count_refused(self) -> int:
        """Return how many rows a run rejects because another content goes out under their id."""
        return self.ids.differing if self.job.source.on_correction == "reject" else 0

    def _outcome(self, elapsed_seconds: float) -> Outcome:
        books, most = self.books, self.job.limits.max_rejects
        message = fix = ""
        exit_code = EXIT_REJECTS if books.rejected else 0
        if not most.allows(books.rejected, books.read):
            share = 100 * books.rejected / books.read
            exit_code = LimitReached.exit_code
            message = (
                f"Expected at most {most.text} rejects, found {books.rejected:,} of {books.read:,} rows ({share:.1f}%) "
                f"- [limits] max_rejects, {self.job.path}"
            )
            fix = "Mend the job or the files as the findings say, or raise max_rejects"
        if stopped := self._stopped_early():
            message = stopped
            fix = 'Mend the job or the files as the findings say. To read every row all the same: max_rejects = "100%"'
        return Outcome(
            job=self.job.name,
            state="aborted" if message else "complete",
            exit_code=exit_code,
            books=books,
            rejects=self.causes.counts()
            | ({"conflict": refused} if (refused := self._count_refused()) else {}),
            elapsed_seconds=elapsed_seconds,
            stage_seconds=elapsed_seconds,
            message=message,
            fix=fix,
        )

    def _forecast(self, now: datetime) -> Forecast:
        tally = self.tally
        rate = self.job.upload.rate.per_second
        seconds = tally.events / rate if rate else None
        kinds = sorted(((count, *kind) for kind, count in tally.kinds.items() if count), reverse=True)
        return Forecast(
            events=tally.events,
            first_at=_moment(tally.first_us),
            last_at=_moment(tally.last_us),
            kinds=tuple(KindCount(entity, kind, count) for count, entity, kind in kinds),
            days=tuple(
                KindCount(entity, kind, count, day) for day, entity, kind, count in tally.days_in_order()
            ),
            hours=tuple(tally.hours.get(hour, 0) for hour in range(168)),
            bodies=BodySizes(
                total_bytes=tally.total_bytes,
                largest_bytes=tally.largest_bytes,
                buckets=tuple(sorted((bound, count) for bound, count in tally.buckets.items() if count)),
                largest=self.looks.largest(self.names),
            ),
            rate_per_second=rate,
            seconds=seconds,
            finish_at=_finish(now, seconds),
        )


def _finish(now: datetime, seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else now + timedelta(seconds=seconds)
    except OverflowError:  # a clock in the year 9999
        return None


def _cost(finding: Finding) -> tuple[int, int]:
    return ("error", "warning", "note").index(finding.level), -finding.rows


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
