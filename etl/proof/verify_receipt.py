"""Verifies what a receipt claims, without the ledger: that its ids are at the destination, once each.

For an auditor, or another machine. Nothing is kept: what is stopped begins again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

import polars as pl

from etl.interrupt import run_cancellable
from etl.proof.claim_tally import ClaimTally
from etl.proof.differences import DIFFERENCE_SCHEMA, write_differences
from etl.proof.verify_job import TIMEOUT_SECONDS, VerifyOptions
from etl.receipts.ids_file import check_ids, find_ids_file, read_ids_file
from etl.receipts.siblings import Chained, check_siblings, read_receipt
from etl.send.connect import open_transport
from etl.state.place import Destination
from etl.values.receipt import Receipt
from etl.values.receipt_check import ReceiptCheck
from etl.witness.asking import MOST_IN_FLIGHT, ask_all, query_endpoint
from etl.witness.choose import choose_sample
from etl.witness.inquiry import Finding, Inquiry, Presence
from etl.witness.result_page import Problem
from etl.witness.stop import explain_stop

__all__ = ["Claim", "read_claim", "verify_receipt"]

_SHOW_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A receipt that is whole, its ids, and how far its chain could be told."""

    path: Path
    ids: Path
    receipt: Receipt
    chained: Chained


def read_claim(path: Path, ids: Path | None) -> Claim:
    """Return the receipt at `path` with the file of its ids, which is looked for beside it where `ids` is None.

    Raises `InputError` where one of them is damaged, they don't belong together, or the chain beside it is broken.
    """
    receipt, written = read_receipt(path)
    chained = check_siblings(path, receipt, written)
    found = ids or find_ids_file(path)
    check_ids(found, receipt)
    return Claim(path, found, receipt, chained)


def verify_receipt(
    claim: Claim,
    destination: Destination,
    options: VerifyOptions,
    show: Callable[[int, int], object],
    *,
    output: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ReceiptCheck:
    """Ask `destination` for the events of a receipt by id; `show` is told of how many of how many something is known.

    `output` is a file for those that aren't there once. Raises `KeyProblem` without a key, `StateError` where the file
    can't be written.
    """
    destination.reading_key()
    began, work = clock(), _Work(claim, destination, options, show)
    stopped, number = run_cancellable(work.run())
    if output is not None:
        write_differences(work.frames(), output)
    return replace(work.sum_up(stopped, number), elapsed_seconds=clock() - began)


@dataclass
class _Work:
    claim: Claim
    destination: Destination
    options: VerifyOptions
    show: Callable[[int, int], object]
    queries: int = 0
    found: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tally = ClaimTally(self.claim.receipt)

    async def run(self) -> Problem | None:
        """Ask for the ids; return what stopped it before its end, if something did."""
        inquiry = Inquiry(self._ids(), patience_seconds=self.options.patience_seconds)
        total = min(self.options.sample or self.claim.receipt.books.delivered, self._delivered)
        # Not the fast transport: a process that ends after a failed connect may abort in its threads.
        transport = open_transport(
            query_endpoint(self.destination.endpoint),
            self.destination.reading_key(),
            TIMEOUT_SECONDS,
            MOST_IN_FLIGHT,
            "httpx",
        )
        try:
            async for finding in ask_all(inquiry, transport, rate_per_second=self.options.rate_per_second):
                self._take(finding)
                self.queries = inquiry.queries
                if self.tally.asked % _SHOW_EVERY == 0:
                    self.show(self.tally.asked, total)
        finally:
            self.queries = inquiry.queries
            await transport.close()
        return inquiry.stopped

    @property
    def _delivered(self) -> int:
        return self.claim.receipt.books.delivered

    def _ids(self) -> Iterator[str]:
        ids = read_ids_file(self.claim.ids)
        if self.options.sample is None:
            return ids
        [(_, drawn)] = choose_sample([self._delivered], self.options.sample, self.options.seed)
        wanted = set(drawn)
        return compress(ids, (at in wanted for at in range(self._delivered)))

    def _take(self, finding: Finding) -> None:
        self.tally.add(finding)
        if finding.presence is not Presence.THERE:
            self.found.append((finding.presence.value, finding.id, finding.reason))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield what is not there once, as the differences of a job are written."""
        known = pl.DataFrame(self.found, schema=["finding", "id", "reason"], orient="row")
        yield known.select(
            (pl.col(name) if name in known.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in (DIFFERENCE_SCHEMA).items()
        ).with_columns(load=pl.lit(self.claim.receipt.load, pl.Int64))

    def sum_up(self, stopped: Problem | None, number: int | None) -> ReceiptCheck:
        """Return what it came to."""
        claim, receipt, presences = self.claim, self.claim.receipt, self.tally.presences
        counts, reason = self.tally.compare_counts()
        done = ReceiptCheck(
            str(claim.path),
            str(claim.ids),
            receipt.job,
            receipt.load,
            self.destination.identity,
            receipt.endpoint,
            self._delivered,
            self.tally.asked,
            presences[Presence.THERE],
            presences[Presence.MISSING],
            presences[Presence.DOUBLED],
            presences[Presence.UNKNOWN],
            self.tally.proven,
            is_sample=self.options.sample is not None,
            counts=counts,
            uncounted_reason=reason,
            before=claim.chained.before,
            after=claim.chained.after,
            goes_on=claim.chained.goes_on,
            queries=self.queries,
            lag_seconds=self.tally.lag_seconds,
        )
        code, message, fix = _conclude(done, stopped, number)
        return replace(done, exit_code=code, message=message, fix=fix)


def _conclude(done: ReceiptCheck, stopped: Problem | None, number: int | None) -> tuple[int, str, str]:
    if number is not None:
        return (
            128 + number,
            "Stopped as asked: what was found is told",
            "Run the same command again: it begins anew",
        )
    if stopped is not None:
        return explain_stop(stopped)
    if done.differences:
        return 9, f"{done.differences:,} of {done.asked:,} events of the receipt are not there once", ""
    if done.counts:
        count = len(done.counts)
        what = "1 count" if count == 1 else f"{count:,} counts"
        return 9, f"All events of the receipt are there, and {what} of them by day and type differ", ""
    if done.unknown:
        return (
            5,
            f"Of {done.unknown:,} of {done.asked:,} events it can't be told whether they are there",
            "Run the same command again, later",
        )
    return 0, "", ""
