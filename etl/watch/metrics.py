"""The metrics of finished runs, for the node exporter's textfile collector: `backfill run --metrics-file`.

Rule: a file that can't be written never fails a run. It is written aside and renamed, so that no scrape sees half of
it; unlike the job's state it is readable by all, because the exporter is another user.
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.errors import StateError
from etl.output import open_output
from etl.values.outcome import Outcome
from etl.watch.prometheus import Metric, Sample, render_metrics

__all__ = ["JobMetrics", "metrics_text", "write_metrics"]


@dataclass(frozen=True, slots=True)
class JobMetrics:
    """How the last run of a job went, and when. Times are seconds since the epoch, UTC.

    `succeeded_at` is when the last run ended that settled every row (exit code 0 or 3, this one included); None: never.
    `job_pending` counts the events of all the job's loads that are still to be sent.
    """

    outcome: Outcome
    started_at: float
    ended_at: float
    succeeded_at: float | None = None
    job_pending: int = 0


def metrics_text(jobs: Sequence[JobMetrics], version: str) -> str:
    """Return the metrics of `jobs`, one sample a job and metric."""
    # Of two entries of one name the last counts: a series that comes twice makes the collector drop the whole file.
    jobs = list({entry.outcome.job: entry for entry in jobs}.values())
    info = Metric("backfill_info", "Which backfill wrote this.", (Sample(1, {"version": version}),))
    return render_metrics([info, *_counts(jobs), *_durations(jobs), *_moments(jobs), *_proven(jobs)])


def write_metrics(path: Path, text: str) -> str:
    """Put `text` in the place of the file at `path`; return why that failed, or nothing."""
    # The collector reads every *.prom file: what is being written must not look like one.
    if not path.name:
        return f"no file's name - {path}"
    if _is_stream(path):
        return _write_through(path, text)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.unlink(missing_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        aside.replace(path)
    except OSError as error:
        return f"{error.strerror or error} - {path}"
    finally:
        _remove(aside)
    return ""


def _is_stream(path: Path) -> bool:
    """Whether there is a pipe or a device, which is written to and never replaced."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)


def _write_through(path: Path, text: str) -> str:
    try:
        with open_output(path, "the metrics") as out:
            out.write(text.encode())
    except StateError as error:
        return error.problem.partition("found: ")[2]
    return ""


def _counts(jobs: Sequence[JobMetrics]) -> Iterable[Metric]:
    yield Metric(
        "backfill_rows",
        "Rows of the loads that the last run staged or continued, by what became of them.",
        tuple(
            Sample(count, {"job": entry.outcome.job, "state": word})
            for entry in jobs
            for word, count in entry.outcome.books.to_json().items()
        ),
    )
    yield Metric(
        "backfill_rejects",
        "Rejected rows of these loads, by code.",
        tuple(
            Sample(count, {"job": entry.outcome.job, "code": code})
            for entry in jobs
            for code, count in entry.outcome.rejects.items()
        ),
    )
    yield Metric(
        "backfill_open_rejects",
        "Rejected rows of all loads that are neither retried nor dismissed, by code.",
        tuple(
            Sample(count, {"job": entry.outcome.job, "code": code})
            for entry in jobs
            for code, count in entry.outcome.open_rejects.items()
        ),
    )
    yield _gauge(
        "backfill_pending_events",
        "Events of all loads still to be sent.",
        jobs,
        lambda entry: entry.job_pending,
    )
    yield _gauge(
        "backfill_run_exit_code", "Exit code of the last run.", jobs, lambda entry: entry.outcome.exit_code
    )
    yield _gauge(
        "backfill_run_delivered",
        "Events that the last run delivered.",
        jobs,
        lambda entry: entry.outcome.sent_now,
    )
    yield _gauge(
        "backfill_run_attempts", "Requests of the last run.", jobs, lambda entry: entry.outcome.attempts
    )
    yield _gauge(
        "backfill_run_retries",
        "Requests of the last run that were not the first for their event.",
        jobs,
        _retries,
    )
    yield _gauge(
        "backfill_run_resent", "Requests of the last run after an answer that was lost.", jobs, _resent
    )


def _durations(jobs: Sequence[JobMetrics]) -> Iterable[Metric]:
    yield _gauge(
        "backfill_run_seconds",
        "How long the last run took.",
        jobs,
        lambda entry: entry.outcome.elapsed_seconds,
    )
    yield _gauge(
        "backfill_run_stage_seconds", "How long it staged.", jobs, lambda entry: entry.outcome.stage_seconds
    )
    yield _gauge(
        "backfill_run_send_seconds", "How long it sent.", jobs, lambda entry: entry.outcome.send_seconds
    )


def _moments(jobs: Sequence[JobMetrics]) -> Iterable[Metric]:
    yield _gauge(
        "backfill_run_start_timestamp_seconds",
        "When the last run began.",
        jobs,
        lambda entry: entry.started_at,
    )
    yield _gauge(
        "backfill_run_end_timestamp_seconds", "When the last run ended.", jobs, lambda entry: entry.ended_at
    )
    known = [entry for entry in jobs if entry.succeeded_at is not None]
    yield _gauge(
        "backfill_success_timestamp_seconds",
        "When a run last settled every row (exit code 0 or 3).",
        known,
        lambda entry: entry.succeeded_at or 0.0,
    )


def _proven(jobs: Sequence[JobMetrics]) -> Iterable[Metric]:
    """Yield what verifying found, of the jobs of which something was verified."""
    known = [(entry.outcome.job, entry.outcome.proven) for entry in jobs if entry.outcome.proven is not None]
    words = ("confirmed", "missing", "doubled", "altered", "unknown")
    yield Metric(
        "backfill_verified_events",
        "Delivered events of all loads, by what the newest verifications found of them.",
        tuple(
            Sample(getattr(proven.counts, word), {"job": job, "finding": word})
            for job, proven in known
            for word in words
        ),
    )
    yield Metric(
        "backfill_verified_ratio",
        "Share of the delivered events that is confirmed to be at the destination.",
        tuple(Sample(proven.share, {"job": job}) for job, proven in known),
    )
    yield Metric(
        "backfill_verification_timestamp_seconds",
        "When the job was last verified.",
        tuple(Sample(proven.verified_at, {"job": job}) for job, proven in known),
    )


def _gauge(name: str, text: str, jobs: Sequence[JobMetrics], value: Callable[[JobMetrics], float]) -> Metric:
    return Metric(name, text, tuple(Sample(value(entry), {"job": entry.outcome.job}) for entry in jobs))


def _retries(entry: JobMetrics) -> float:
    return entry.outcome.retries


def _resent(entry: JobMetrics) -> float:
    return entry.outcome.resent


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
