"""The first half of a run: the open load is brought under the job's mapping, and what is new is staged."""

from collections.abc import Callable
from dataclasses import dataclass, field

from etl.intake.clock import CLOCK_FIX
from etl.intake.delivered import find_delivered
from etl.intake.filters import change_lines, find_change
from etl.intake.fingerprint import accept_mapping, is_accepted, is_mapped_alike
from etl.intake.id_guard import check_mapping
from etl.intake.new_ids import keep_new_ids
from etl.intake.restaging import settle_open_load
from etl.intake.retry import RetryRequest, StagedRetry, stage_retry
from etl.intake.staging import stage_new_rows
from etl.upload.closing import can_discard
from etl.upload.context import RunContext
from etl.values.remapped import AskedFirst, Remapped

__all__ = ["RunStaging"]


@dataclass
class RunStaging:
    """Stages what the run is to send, and keeps what came of that."""

    run: RunContext
    seconds: float = 0.0
    staged_at: float | None = None
    remapped: Remapped | None = None
    retried: StagedRetry = field(default_factory=lambda: StagedRetry(None, ()))

    def settle_mapping(self, ask_first: Callable[[int], AskedFirst]) -> None:
        """Go on under the mapping as it is now where it may change nothing that was delivered, or was accepted.

        `ask_first` settles what is there already of a load, before its rows are staged again.
        """
        run = self.run
        job, ledger, folder = run.job, run.ledger, run.folder
        load, accepts = ledger.open_load(), run.options.accept_new_mapping
        was_accepted = is_accepted(job, ledger)
        if load is not None and not is_mapped_alike(job, load) and not can_discard(ledger, load):
            run.status.publish_phase("staging")
            keep_new_ids(job, folder, ledger, run.started)
            self.remapped = settle_open_load(
                run.opened,
                load,
                run.view_reading().read,
                accepts=accepts,
                ask=lambda: ask_first(load.number),
                started=run.started,
                now=run.wall_clock(),
            )
            if self.remapped is not None:
                run.loads.append(load.number)
                first, *more = self.remapped.describe("go")
                run.tell(f"The mapping changed: {first}", *more)
        elif run.options.retry is None and not accepts:
            check_mapping(job, folder, ledger, run.started)
            accepts = not was_accepted
        if accepts:
            run.status.publish_phase("staging")
            renamed = keep_new_ids(job, folder, ledger, run.started)
            if not was_accepted:
                run.tell(*renamed.accepted())
            accept_mapping(job, ledger)

    def stage(self, *, take_skipped: bool = False) -> None:
        """Stage what is new, or the rejects that are to be tried again."""
        run = self.run
        run.status.publish_phase("staging")
        started_at = run.clock()
        try:
            load = (
                self._stage_rows(take_skipped=take_skipped)
                if run.options.retry is None
                else self._stage_rejects(run.options.retry)
            )
        finally:
            self.seconds += run.clock() - started_at
        if load is not None:
            files, books = len(run.ledger.files(load)), run.ledger.books(load)
            run.watch.watcher.staged(load, books, files=files, seconds=self.seconds)

    def _stage_rows(self, *, take_skipped: bool) -> int | None:
        run = self.run
        if not run.options.take_skipped:
            self._tell_filter()
        staged = stage_new_rows(
            run.opened,
            run.view_reading().read,
            started=run.started,
            wall_clock=run.wall_clock,
            take_skipped=take_skipped,
        )
        if staged.clock_doubt is not None:
            run.notes += [staged.clock_doubt, CLOCK_FIX]
        if staged.load is None:
            run.watch.watcher.nothing_new(files=staged.files)
        else:
            self.staged_at = run.wall_clock()
            if (came_again := run.ledger.notes.came_again.of(staged.load)) is not None:
                run.tell(*came_again.describe())
        return staged.load

    def _tell_filter(self) -> None:
        job, folder, ledger = self.run.job, self.run.folder, self.run.ledger
        change = find_change(job, folder, ledger, self.run.started, find_delivered(job, folder, ledger))
        if change is not None:
            self.run.notes += change_lines(change)

    def _stage_rejects(self, request: RetryRequest) -> int | None:
        run = self.run
        self.retried = stage_retry(run.opened, request, started=run.started, wall_clock=run.wall_clock)
        run.notes += self.retried.notes
        return self.retried.load
