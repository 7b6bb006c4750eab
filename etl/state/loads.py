"""Reads what a job has done so far from its ledger."""

import os
from dataclasses import replace
from typing import Any

from etl.job.model import Job
from etl.ledger.facts import LoadEntry, RunEntry
from etl.ledger.lock import read_holder
from etl.ledger.store import Ledger
from etl.state.lookup import look_into
from etl.state.marks import Marks
from etl.state.place import JobPlace
from etl.values.loads import JobHistory, PastLoad, PastRun
from etl.values.outcome import CorrectionCounts

__all__ = ["read_history", "runs_of_load"]


def read_history(job: Job, place: JobPlace) -> JobHistory:
    """Return the loads and runs of `job`; raises `JobLocked` while a run holds it, `StateError` for a bad ledger."""
    with look_into(place.folder, f"backfill loads {job.path}") as ledger:
        if ledger is None:
            return JobHistory(job.name)
        return _with_last_word(_from_ledger(job, place, ledger), place, read_holder(place.folder).get("word"))


def _with_last_word(history: JobHistory, place: JobPlace, word: dict[str, Any] | None) -> JobHistory:
    """Return the history where the last run ended as its word says, which the ledger couldn't be told."""
    if word is None or not history.runs or history.runs[-1].number != word["run"]:
        return history
    told = {key: word[key] for key in ("ended_at", "exit_code", "state", "message", "fix", "log")}
    told["log"] = place.locate(told["log"])
    return replace(history, runs=(*history.runs[:-1], replace(history.runs[-1], **told)))


def runs_of_load(load: LoadEntry, runs: tuple[RunEntry, ...]) -> tuple[int, ...]:
    """Return the numbers of the runs during which `load` was staged or unfinished: each works on that load first."""
    ends = [run.ended_at for run in runs]
    # A run that was killed ended, at the latest, when the next one began.
    for position, following in enumerate(runs[1:]):
        if ends[position] is None:
            ends[position] = following.started_at
    done_at = float("inf") if load.completed_at is None else load.completed_at
    return tuple(
        run.number
        for run, ended_at in zip(runs, ends, strict=True)
        if run.started_at <= done_at and (ended_at is None or ended_at >= load.staged_at)
    )


def _from_ledger(job: Job, place: JobPlace, ledger: Ledger) -> JobHistory:
    runs, cleared = ledger.runs(), ledger.cleared_through
    loads = tuple(
        PastLoad(
            number=load.number,
            kind=load.kind,
            state=load.state,
            staged_at=load.staged_at,
            completed_at=load.completed_at,
            files=ledger.files(load.number),
            books=ledger.books(load.number),
            runs=runs_of_load(load, runs),
            kept=load.number > cleared,
            found_there=ledger.proofs.count_found(load.number),
            corrections=ledger.notes.corrections.of(load.number) or CorrectionCounts(),
            came_again=came_again.events if (came_again := ledger.notes.came_again.of(load.number)) else 0,
        )
        for load in ledger.loads()
    )
    mark = Marks.of(job, place, os.environ).shown
    return JobHistory(job.name, loads, tuple(_past_run(run, place) for run in runs), mark)


def _past_run(run: RunEntry, place: JobPlace) -> PastRun:
    return PastRun(
        run.number,
        run.started_at,
        run.ended_at,
        run.exit_code,
        run.state or "killed",
        run.delivered,
        run.attempts,
        run.ending.message,
        run.ending.fix,
        place.locate(run.ending.log),
    )
