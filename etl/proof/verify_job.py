"""Verifies a job: every load of it, one after the other, against the destination that they were sent to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from etl.interrupt import run_cancellable
from etl.job.model import Job
from etl.ledger.lock import JobLock
from etl.ledger.store import Ledger
from etl.proof.differences import difference_frames, write_differences
from etl.proof.others import count_others
from etl.proof.repair import repair_load
from etl.proof.source_bodies import bodies_again
from etl.proof.superseded import find_superseded
from etl.proof.verify import Verified, verify_load
from etl.receipts.issue import issue_verified
from etl.send.connect import open_transport
from etl.send.redact import Redactor
from etl.send.transport import Transport
from etl.state.kept_load import KeptLoad
from etl.state.place import Destination, JobPlace
from etl.state.retiring import retire_parts
from etl.values.verification import DifferenceKind, JobVerification, Others, Verification, VerificationCounts
from etl.witness.asking import MOST_IN_FLIGHT, QUERIES_PER_SECOND, Asking, ask_all, query_endpoint
from etl.witness.inquiry import MOST_IDS, Finding, Inquiry
from etl.witness.result_page import Problem, ProblemKind
from etl.witness.stop import explain_stop

__all__ = ["ShowVerification", "VerifyOptions", "verify_job"]

TIMEOUT_SECONDS: Final = 60.0
LOCK_PATIENCE_SECONDS: Final = 0.5

# Is told how far a verification is: what was found, and of how many events in all.
ShowVerification = Callable[[VerificationCounts, int], object]


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to verify: queries a second, how long to wait for events that don't show, a sample's size and seed.

    `repair`: what is missing is sent again.
    """

    rate_per_second: float = QUERIES_PER_SECOND
    patience_seconds: float = 120.0
    sample: int | None = None
    seed: int = 0
    repair: bool = False


def verify_job(
    job: Job,
    place: JobPlace,
    destination: Destination,
    options: VerifyOptions,
    show: ShowVerification,
    *,
    output: Path | None = None,
    wall_clock: Callable[[], float] = time.time,
) -> JobVerification:
    """Ask for every event that the ledger of `job` calls delivered, or go on with a verification that was cut short.

    `output` is a file for the differences. Raises `JobLocked` where a run holds the job, `StateError` where its state
    can't be read, `KeyProblem` without a key.
    """
    destination.reading_key()
    began = time.monotonic()
    if not place.folder.is_dir():
        return JobVerification(job.name)
    command = f"backfill verify {job.path}"
    with JobLock(place.folder, command=command, wait_seconds=LOCK_PATIENCE_SECONDS):
        ledger = Ledger.open_existing(place.folder)
        if ledger is None:
            return JobVerification(job.name)
        with ledger:
            work = _Work(job, place, destination, options, ledger, show, wall_clock)
            stopped, number = run_cancellable(work.run())
            for load in work.loads:
                issue_verified(place.folder, ledger, load, issued_at=wall_clock())
                if job.keeps == "until-verified":
                    retire_parts(place.folder, ledger, ledger.load(load), job.keeps)
            if output is not None:
                write_differences(difference_frames(place.folder, ledger, work.loads), output)
            return _sum_up(work, stopped, number, time.monotonic() - began)


@dataclass
class _Work:
    job: Job
    place: JobPlace
    destination: Destination
    options: VerifyOptions
    ledger: Ledger
    show: ShowVerification
    wall_clock: Callable[[], float]
    resent: int = 0
    repaired: int = 0
    lost: int = 0
    others: Others = field(default_factory=Others)

    def __post_init__(self) -> None:
        cleared = self.ledger.cleared_through
        self.loads = [
            load.number
            for load in self.ledger.loads()
            if load.number > cleared and self.ledger.books(load.number).delivered
        ]
        self.superseded = find_superseded(self.place.folder, self.ledger, self.loads)

    async def run(self) -> Problem | None:
        """Verify load after load; return what stopped it before its end, if something did."""
        endpoint = query_endpoint(self.destination.endpoint)
        # Not the fast transport: a process that ends after a failed connect may abort in its threads.
        transport = open_transport(
            endpoint, self.destination.reading_key(), TIMEOUT_SECONDS, MOST_IN_FLIGHT, "httpx"
        )
        try:
            for load in self._begin():
                done = await self._verify(load, transport)
                if done.stopped is not None:
                    return done.stopped
            for load in self.loads if self.options.repair else ():
                if (stopped := await self._repair(load, transport)) is not None:
                    return stopped
            if self.options.sample is None and self.loads:
                self.others = await self._count_others(transport)
            return None
        finally:
            await transport.close()

    async def _repair(self, load: int, transport: Transport) -> Problem | None:
        verification = self.ledger.proofs.newest(load)
        if verification is None or not verification.counts.missing:
            return None
        ask = partial(ask_all, transport=transport, rate_per_second=self.options.rate_per_second)
        done = await repair_load(
            self.job,
            self.destination,
            self._kept(load),
            verification,
            Asking(ask, self.options.patience_seconds),
            self._reading_again(load),
        )
        self.resent += done.sent
        self.repaired += done.there
        self.lost += len(done.lost)
        return Problem(ProblemKind.PASSING, done.stop_reason) if done.stop_reason else None

    async def _count_others(self, transport: Transport) -> Others:
        return await count_others(
            self.place.folder,
            self.ledger,
            self.loads,
            transport,
            partial(asyncio.sleep, 1 / self.options.rate_per_second),
            superseded=self.superseded,
            most_ids=self.ledger.notes.ids_a_query or MOST_IDS,
        )

    def _kept(self, load: int) -> KeptLoad:
        return KeptLoad.of(self.place.folder, self.ledger, load)

    def _reading_again(self, load: int) -> Callable[[Mapping[str, bytes | None]], Iterator[tuple[str, str]]]:
        return partial(bodies_again, self.job, self.place.folder, self.ledger, load)

    def _begin(self) -> list[int]:
        """Return the loads that a verification which was cut short has left; where none was, all of them."""
        newest = {load: self.ledger.proofs.newest(load) for load in self.loads}
        left = [load for load, last in newest.items() if last is not None and self._goes_on(last)]
        # Those that were delivered since then aren't verified yet, either.
        left = [load for load in self.loads if load in left or newest[load] is None] if left else self.loads
        for load in left:
            self.ledger.proofs.begin(load, began_at=self.wall_clock(), sample=self._sample_of(load))
        return left

    def _goes_on(self, last: Verification) -> bool:
        """Whether `last` has no end, and asks for what is asked for now: all events, or a sample."""
        return last.ended_at is None and (last.sample is None) == (self.options.sample is None)

    def _sample_of(self, load: int) -> int | None:
        """Return the share of the sample that falls to `load`, by how many events were delivered of each."""
        if self.options.sample is None:
            return None
        delivered = {number: self.ledger.books(number).delivered for number in self.loads}
        wanted = min(self.options.sample, sum(delivered.values()))
        shares = {number: wanted * count // sum(delivered.values()) for number, count in delivered.items()}
        shares[self.loads[-1]] += wanted - sum(shares.values())
        return min(shares[load], delivered[load])

    async def _verify(self, load: int, transport: Transport) -> Verified:
        known = self.ledger.notes.ids_a_query
        inquiries: list[Inquiry] = []

        def ask(inquiry: Inquiry) -> AsyncIterator[Finding]:
            inquiries.append(inquiry)
            return ask_all(inquiry, transport, rate_per_second=self.options.rate_per_second)

        sample = self._sample_of(load)
        most_ids = min(MOST_IDS, known) if known else MOST_IDS
        clean = Redactor(self.destination.key or "").clean
        done = await verify_load(
            self._kept(load),
            Asking(ask, self.options.patience_seconds, most_ids, clean),
            sample=None if sample is None else (sample, self.options.seed),
            leaves_out=self.superseded.get(load, {}),
            read_again=self._reading_again(load),
            show=lambda verification, total: self.show(verification.counts, total),
            wall_clock=self.wall_clock,
        )
        if inquiries[0].most_ids < MOST_IDS and inquiries[0].most_ids != known:
            self.ledger.notes.ids_a_query = inquiries[0].most_ids
        return done


def _sum_up(work: _Work, stopped: Problem | None, number: int | None, seconds: float) -> JobVerification:
    newest = [last for load in work.loads if (last := work.ledger.proofs.newest(load)) is not None]
    counts = sum((last.counts for last in newest), VerificationCounts())
    code, message, fix = _conclude(counts, stopped, number, _why_unknown(work, counts))
    done = JobVerification(work.job.name, counts, tuple(newest), seconds, code, message, fix)
    superseded = sum(len(indices) for parts in work.superseded.values() for indices in parts.values())
    return replace(
        done,
        delivered=work.ledger.books_of(work.loads).delivered - superseded,
        superseded=superseded,
        resent=work.resent,
        repaired=work.repaired,
        lost=work.lost,
        others=work.others,
    )


def _why_unknown(work: _Work, counts: VerificationCounts) -> str:
    """Return why the first event of which nothing can be told is so; nothing where there is none."""
    if not counts.unknown:
        return ""
    found = (one for load in work.loads for one in work.ledger.proofs.differences(load))
    return next((one.reason for one in found if one.kind is DifferenceKind.UNKNOWN), "")


def _conclude(
    counts: VerificationCounts, stopped: Problem | None, number: int | None, unknown: str
) -> tuple[int, str, str]:
    if number is not None:
        return (
            128 + number,
            "Stopped as asked; what was verified is kept",
            "Run the same command again to go on",
        )
    if stopped is not None:
        return explain_stop(stopped)
    if counts.differences:
        return 9, f"{counts.differences:,} of {counts.asked:,} events are not there as they were sent", ""
    if counts.unknown:
        return (
            5,
            (
                f"Of {counts.unknown:,} of {counts.asked:,} events it can't be told whether they are there as they "
                f"were sent: {unknown}"
            ),
            "Run the same command again, later",
        )
    return 0, "", ""
