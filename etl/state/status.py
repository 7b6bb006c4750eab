"""Tells where a job stands: from its ledger, or while a run holds it from what the run publishes."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from etl.errors import JobLocked
from etl.job.model import Job
from etl.ledger.lock import read_holder, runs_now
from etl.ledger.store import Ledger
from etl.state.corrections import count_corrections
from etl.state.lookup import look_into
from etl.state.marks import Marks
from etl.state.place import JobPlace
from etl.state.proven import read_proven
from etl.state.rejects import add_counts, count_open
from etl.state.retiring import waiting_loads
from etl.values.books import Books
from etl.values.status import Standing

__all__ = ["books_of_job", "read_standing"]


def read_standing(job: Job, place: JobPlace) -> Standing:
    """Return where `job` stands.

    Raises `StateError` where its ledger can't be trusted, `JobLocked` where no run holds it but another program or
    command.
    """
    try:
        with look_into(place.folder, f"backfill status {job.path}") as ledger:
            standing = Standing(job.name, "new") if ledger is None else _from_ledger(job, place, ledger)
            return _with_last_word(standing, place, read_holder(place.folder).get("word"))
    except JobLocked:
        holder = read_holder(place.folder)
        if not runs_now(holder):
            raise
        return _from_run(job, place, holder)


def _with_last_word(standing: Standing, place: JobPlace, word: dict[str, Any] | None) -> Standing:
    """Return the standing as the last run told it where its ledger couldn't be told."""
    if word is None:
        return standing
    return replace(
        standing,
        state=word["state"],
        last_exit_code=word["exit_code"],
        message=word["message"],
        fix=word["fix"],
        log=place.locate(word["log"]),
        started_at=word["started_at"],
        updated_at=word["ended_at"],
    )


def _from_ledger(job: Job, place: JobPlace, ledger: Ledger) -> Standing:
    loads, runs = ledger.loads(), ledger.runs()
    books = books_of_job(ledger)
    last = runs[-1] if runs else None
    state = "new" if last is None else last.state or "killed"
    if state == "complete" and books.pending:
        state = "incomplete"
    waiting = waiting_loads(ledger, job.keeps)
    codes = add_counts(count_open(place.folder, ledger).values())
    reports = tuple(path for path in (place.rejects_csv, place.rejects_jsonl) if path.exists())
    return Standing(
        job.name,
        state,
        rows=books,
        rejects=codes,
        dismissed=ledger.dismissals.count(),
        found_there=sum(ledger.proofs.count_found(load.number) for load in loads),
        waiting_loads=len(waiting),
        waiting_bytes=sum(part.size_bytes for load in waiting for part in ledger.parts(load)),
        attempts=sum(run.attempts for run in runs),
        retries=sum(run.retries for run in runs),
        loads=len(loads),
        runs=len(runs),
        started_at=last.started_at if last else None,
        updated_at=last.ended_at if last else None,
        last_exit_code=last.exit_code if last else None,
        reports=reports if books.rejected else (),
        message=last.ending.message if last else "",
        fix=last.ending.fix if last else "",
        log=place.locate(last.ending.log) if last else "",
        proven=read_proven(ledger, time.time()),
        second_event=ledger.notes.second_event,
        corrections=count_corrections(ledger, [load.number for load in loads]),
        mark=Marks.of(job, place, os.environ).shown,
    )


def books_of_job(ledger: Ledger) -> Books:
    """Return the books of all loads; a reject that was retried counts where its retry put it."""
    loads = ledger.loads()
    retried = sum(load.read for load in loads if load.kind == "retry")
    books = ledger.books_of(load.number for load in loads)
    return books + Books(read=-retried, rejected=-retried)


def _from_run(job: Job, place: JobPlace, holder: dict[str, Any]) -> Standing:
    """Return what the run that holds the lock publishes; what another one left behind is not shown."""
    said = _read_json(place.status)
    pid, since = holder.get("pid"), holder.get("since")
    if said.get("token") != holder.get("token") or said.get("state") != "running":
        return Standing(
            job.name,
            "running",
            phase="starting",
            pid=pid,
            started_at=since,
            note=str(holder.get("command", "")),
        )
    rows = said.get("rows", {})
    return Standing(
        job.name,
        "running",
        rows=Books(**{word: int(rows.get(word, 0)) for word in Books.__dataclass_fields__}),
        rejects=said.get("rejects", {}),
        phase=said.get("phase"),
        events_per_second=said.get("events_per_s"),
        seconds_left=said.get("left_s"),
        attempts=said.get("attempts", 0),
        retries=said.get("retries", 0),
        loads=said.get("load", 0),
        started_at=said.get("started_at"),
        updated_at=said.get("updated_at"),
        pid=pid,
        note=said.get("note", ""),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
