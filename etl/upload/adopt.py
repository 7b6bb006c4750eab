"""Adopts a job: stages what is new of it, as a run would, and settles what the destination holds already.

Sends nothing. For a state folder that was lost, or a load that another machine began. Running it again goes on; a run
then sends the rest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from etl.errors import DestinationDiffers, JobError
from etl.intake.fingerprint import is_accepted, is_mapped_alike
from etl.intake.id_guard import check_mapping
from etl.intake.new_ids import keep_new_ids
from etl.intake.staging import stage_new_rows
from etl.interrupt import Interrupted, interruptible, run_cancellable
from etl.job.model import Job
from etl.ledger.facts import Ending, LoadEntry
from etl.ledger.lock import JobLock
from etl.ledger.notes import UNFINISHED
from etl.ledger.store import Ledger
from etl.send.connect import check_endpoint, open_transport
from etl.send.redact import Redactor
from etl.state.kept_load import KeptLoad
from etl.state.marks import Marks
from etl.state.open_job import OpenJob
from etl.state.place import Destination, JobPlace
from etl.typed import type_command
from etl.upload.adopting import Adopted, adopt_load
from etl.upload.closing import can_discard, discard_stale_load
from etl.values.adoption import Adoption
from etl.witness.asking import MOST_IN_FLIGHT, QUERIES_PER_SECOND, Asking, ask_all, query_endpoint
from etl.witness.stop import explain_stop

__all__ = ["AdoptOptions", "ShowAdoption", "adopt_job"]

TIMEOUT_SECONDS: Final = 60.0
LOCK_PATIENCE_SECONDS: Final = 0.5
DIFFERENCE_CODE: Final = DestinationDiffers.exit_code

# Is told how far it is: what was found, and of how many events in all.
ShowAdoption = Callable[[Adoption, int], object]


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """How to ask: queries a second, how long to wait for events that don't show.

    `as_found`: what is there otherwise than it would be sent counts as delivered, too.
    """

    rate_per_second: float = QUERIES_PER_SECOND
    patience_seconds: float = 30.0
    as_found: bool = False


def adopt_job(
    job: Job,
    place: JobPlace,
    destination: Destination,
    options: AdoptOptions,
    marks: Marks,
    show: ShowAdoption,
    *,
    wall_clock: Callable[[], float] = time.time,
) -> Adoption:
    """Settle as delivered the pending events of `job` that are at the destination, once and as they would be sent.

    Raises `JobLocked` where a run holds the job, `KeyProblem` without a key, and what staging raises.
    """
    destination.reading_key()
    check_endpoint(destination.endpoint)
    began = time.monotonic()
    command = f"backfill adopt {job.path}"
    with (
        JobLock(place.folder, command=command, wait_seconds=LOCK_PATIENCE_SECONDS),
        Ledger.open(place.folder, job=job.name, endpoint=destination.identity) as ledger,
    ):
        run = ledger.start_run(None, started_at=wall_clock())
        done = _adopt(OpenJob(job, place, ledger), destination, options, show, wall_clock)
        done = replace(
            done,
            pending=ledger.books_of(load.number for load in ledger.loads()).pending,
            elapsed_seconds=time.monotonic() - began,
        )
        ended = replace(
            run,
            ended_at=wall_clock(),
            exit_code=done.exit_code,
            state="complete" if done.exit_code in (0, DIFFERENCE_CODE) else "incomplete",
            ending=Ending(done.message, done.fix),
        )
        ledger.end_run(ended)
        if done.exit_code in (0, DIFFERENCE_CODE):
            # From here on this state knows what the one that was lost knew.
            marks.write(ledger, wall_clock())
    return done


def _adopt(
    opened: OpenJob,
    destination: Destination,
    options: AdoptOptions,
    show: ShowAdoption,
    wall_clock: Callable[[], float],
) -> Adoption:
    job, ledger = opened.job, opened.ledger
    try:
        with interruptible():
            load = _find_load(opened, wall_clock)
    except Interrupted as signal:
        return _interrupted(Adoption(job.name), signal.number)
    if load is None:
        return Adoption(job.name)
    ledger.notes.looked_for.put(load.number, UNFINISHED)
    done, number = run_cancellable(
        _ask(opened, destination, options, load.number, show),
    )
    if done is None:
        return _interrupted(Adoption(job.name, load.number), number or 0)
    if done.stopped is not None:
        code, message, fix = explain_stop(done.stopped)
        return replace(done.adoption, exit_code=code, message=message, fix=fix)
    if not done.adoption.unknown:
        ledger.notes.looked_for.put(load.number, done.adoption.otherwise)
    return _concluded(done.adoption)


def _find_load(opened: OpenJob, wall_clock: Callable[[], float]) -> LoadEntry | None:
    """Return the open load, or else a new one of what is new; None where all is settled."""
    job, folder, ledger = opened.job, opened.folder, opened.ledger
    load = ledger.open_load()
    if load is not None and not is_mapped_alike(job, load) and not can_discard(ledger, load):
        raise JobError(
            f"Expected the mapping under which load {load.number} was staged, found [event] or [source] "
            f"changed - {job.path}",
            "Set the mapping back, or let a run stage the rest again: "
            f"{type_command('run', '--accept-new-mapping')}",
        )
    discard_stale_load(opened)
    if (load := ledger.open_load()) is not None:
        return load
    started = datetime.fromtimestamp(wall_clock(), UTC)
    if not is_accepted(job, ledger):
        check_mapping(job, folder, ledger, started)
        keep_new_ids(job, folder, ledger, started)
    staged = stage_new_rows(opened, lambda *_: None, started=started, wall_clock=wall_clock)
    return None if staged.load is None else ledger.load(staged.load)


async def _ask(
    opened: OpenJob,
    destination: Destination,
    options: AdoptOptions,
    load: int,
    show: ShowAdoption,
) -> Adopted:
    key = destination.reading_key()
    # Not the fast transport: a process that ends after a failed connect may abort in its threads.
    transport = open_transport(
        query_endpoint(destination.endpoint), key, TIMEOUT_SECONDS, MOST_IN_FLIGHT, "httpx"
    )
    try:
        ask = partial(ask_all, transport=transport, rate_per_second=options.rate_per_second)
        return await adopt_load(
            KeptLoad.of(opened.folder, opened.ledger, load),
            Asking(ask, options.patience_seconds, clean=Redactor(key).clean),
            job=opened.job.name,
            as_found=options.as_found,
            show=show,
        )
    finally:
        await transport.close()


def _interrupted(adoption: Adoption, number: int) -> Adoption:
    return replace(
        adoption,
        exit_code=128 + number,
        message="Stopped as asked; what was found is settled",
        fix="Run the same command again to go on",
    )


def _concluded(done: Adoption) -> Adoption:
    if done.otherwise:
        count = done.otherwise
        return replace(
            done,
            exit_code=DIFFERENCE_CODE,
            message=f"{count:,} event{' is' if count == 1 else 's are'} there otherwise than this job would send "
            f"{'it' if count == 1 else 'them'}, and stay{'s' if count == 1 else ''} pending",
            fix="Mend the mapping where that is why and adopt again; or take them as they are there: "
            f"{type_command('adopt', '--as-found')}",
        )
    if done.unknown:
        return replace(
            done,
            exit_code=5,
            message=f"Of {done.unknown:,} of {done.asked:,} events it can't be told whether they are there: "
            f"{done.unknown_reason}",
            fix="Run the same command again, later",
        )
    return done
