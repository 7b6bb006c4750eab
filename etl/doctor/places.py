"""What `doctor` says of places on disk: the source files, the state folder, its lock, its ledger, the room there is.

Rule: makes nothing and changes nothing; a remote source is not fetched.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etl.errors import BackfillError, JobLocked, StateError
from etl.job.model import Job
from etl.ledger.mounts import filesystem_type, is_network_filesystem, read_mounts
from etl.ledger.store import Ledger
from etl.private import absolute_folder
from etl.read.files import SourcePath
from etl.read.remote.pattern import is_remote
from etl.read.resolve import resolve_files
from etl.report.proven import proven_line
from etl.state.corrections import count_corrections
from etl.state.lookup import look_into
from etl.state.marks import Marks
from etl.state.place import JobPlace
from etl.state.proven import read_proven
from etl.typed import type_command
from etl.values.canary import SecondEvent
from etl.values.symptom import Symptom

__all__ = ["check_source", "check_state", "find_local_files"]

LEAST_FREE_BYTES: Final = 50_000_000
# A load's parts are compressed, but hold each row twice: as it was and as it is sent.
PARTS_PER_SOURCE: Final = 3


def check_source(job: Job) -> Symptom:
    """Return whether the job's files are there."""
    remote = [pattern for pattern in job.source.paths if is_remote(pattern)]
    elsewhere = (
        f"{len(remote)} remote pattern{'s' if len(remote) != 1 else ''}, not looked at" if remote else ""
    )
    try:
        count, size_bytes = _measure(job)
    except BackfillError as error:
        return Symptom.of("source", error)
    here = f"{count:,} file{'s' if count != 1 else ''}, {_size(size_bytes)}" if count else ""
    return Symptom("source", "ok", "; ".join(part for part in (here, elsewhere) if part))


def check_state(job: Job, place: JobPlace, root: Path) -> Iterator[Symptom]:
    """Yield what there is to say of the state folder, the lock, the ledger and the disk."""
    there = _nearest(place.folder)
    yield _check_folder(place.folder, there)
    if os.path.isdir(place.folder):  # noqa: PTH112 - never raises
        yield from _check_lock(job, place)
    yield _check_room(job, there, root)


def _check_folder(folder: Path, there: Path) -> Symptom:
    kind = filesystem_type(str(there.resolve()), read_mounts())
    if is_network_filesystem(kind):
        fix = "Choose a folder on a local disk with --state-dir: over a network, locks and fsync can't be relied on"
        return Symptom(
            "state", "problem", f"on a network filesystem ({kind}) - {folder}", fix, StateError.exit_code
        )
    if not os.access(there, os.W_OK | os.X_OK):
        fix = f"Make it writable for this user, or choose another: --state-dir (chmod u+rwx {there})"
        return Symptom("state", "problem", f"can't be written - {there}", fix, StateError.exit_code)
    return Symptom("state", "ok", f"{'writable' if there == folder.absolute() else 'can be made'} - {folder}")


def _check_lock(job: Job, place: JobPlace) -> Iterator[Symptom]:
    try:
        with look_into(place.folder, f"backfill doctor {job.path}") as ledger:
            if ledger is None:
                yield Symptom("ledger", "ok", "none yet; nobody holds the job")
                return
            loads = ledger.loads()
            delivered = ledger.books_of(load.number for load in loads).delivered
            found = [_describe_second_event(ledger.notes.second_event)]
            found += _check_marks(job, place, ledger)
            if proven := read_proven(ledger, time.time()):
                found.insert(0, Symptom("verified", "ok", proven_line(proven)))
    except JobLocked as error:
        yield Symptom("lock", "warning", error.problem, error.fix)
        return
    except BackfillError as error:
        yield Symptom.of("ledger", error)
        return
    yield Symptom(
        "ledger",
        "ok",
        f"sound: {len(loads):,} load{'s' if len(loads) != 1 else ''}, {delivered:,} delivered; nobody holds the job",
    )
    yield from found


def _check_marks(job: Job, place: JobPlace, ledger: Ledger) -> Iterator[Symptom]:
    """Yield whether the ledger knows all that was marked as delivered; and rows that came again with another
    content.
    """
    marks = Marks.of(job, place, os.environ)
    try:
        marks.check(ledger)
    except StateError as error:
        yield Symptom.of("mark", error)
    else:
        if marks.shown:
            yield Symptom("mark", "ok", f"the ledger knows all that was marked - {marks.shown}")
    counts = count_corrections(ledger, [load.number for load in ledger.loads()])
    if told := counts.found - counts.sent - counts.rejected:
        what = f"{told:,} row{'s' if told != 1 else ''} came again with another content than was delivered"
        fix = f"See those that are open: {type_command('rejects', '--corrections')}"
        yield Symptom("corrections", "warning", what, fix)


def _describe_second_event(found: SecondEvent | None) -> Symptom:
    """Return what is known of what the destination does with a second event of one id."""
    if found is None:
        how = "a run with --canary 20 --probe-dedupe finds out"
        return Symptom("same id", "ok", f"what becomes of a second event of one id isn't known; {how}")
    return Symptom("same id", "ok", f"{found.means} (found {found.day})")


def _check_room(job: Job, there: Path, root: Path) -> Symptom:
    free_bytes = shutil.disk_usage(there).free
    try:
        wanted_bytes = PARTS_PER_SOURCE * _measure(job)[1]
    except BackfillError:
        wanted_bytes = 0
    found = f"{free_bytes / 1e9:,.1f} GB free - {root}"
    if free_bytes < LEAST_FREE_BYTES:
        return Symptom(
            "disk",
            "problem",
            found,
            "Free some space there, or choose another disk: --state-dir",
            StateError.exit_code,
        )
    if free_bytes < wanted_bytes:
        fix = f"Free some space: staging all files anew may take {wanted_bytes / 1e9:,.1f} GB"
        return Symptom("disk", "warning", found, fix)
    return Symptom("disk", "ok", found)


def find_local_files(job: Job) -> tuple[SourcePath, ...]:
    """Return the job's files that are on this machine; raises `InputError` where one is missing."""
    paths = tuple(pattern for pattern in job.source.paths if not is_remote(pattern))
    if not paths:
        return ()
    local = job.model_copy(update={"source": job.source.model_copy(update={"paths": paths})})
    return resolve_files(local, unpacks=False)


def _measure(job: Job) -> tuple[int, int]:
    files = find_local_files(job)
    return len(files), sum(file.path.stat().st_size for file in files)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 100_000 else f"{size_bytes:,} bytes"


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the one above it in which it would be made."""
    whole = absolute_folder(folder)
    return next(place for place in (whole, *whole.parents) if os.path.exists(place))  # noqa: PTH110 - never raises
