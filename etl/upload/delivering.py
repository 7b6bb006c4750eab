"""The second half of a run: each open load is looked for, sent, its canary first, and closed."""

from dataclasses import dataclass, field
from typing import Final

from etl.intake.new_ids import keep_new_ids
from etl.job.model import MaxRejects
from etl.ledger.facts import LoadEntry
from etl.stage.parts import load_folder
from etl.state.place import SANDBOX_MARK
from etl.state.rejects import count_rejects, open_reject_frames
from etl.upload.ask_first import FirstAsking
from etl.upload.canary import CanaryCheck, send_canary
from etl.upload.canary_parts import CanaryParts
from etl.upload.closing import complete_load
from etl.upload.conclusion import check_rejects
from etl.upload.context import RunContext
from etl.upload.load_parts import LoadParts
from etl.upload.overlap import is_to_be_looked_for, look_for_load
from etl.upload.policy import UncertainPolicy
from etl.upload.sending import Sending, SendingTerms, send_load
from etl.values.delivery import UncertainCounts
from etl.values.remapped import AskedFirst

__all__ = ["Delivering"]

# The embedded sandbox shows an event at once.
SANDBOX_PATIENCE_SECONDS: Final = 1.0
NO_LIMIT: Final = MaxRejects(None, 1.0)


@dataclass
class Delivering:
    """Sends the open loads of a run, and keeps what came of each sending."""

    run: RunContext
    sendings: list[Sending] = field(default_factory=list)

    def __post_init__(self) -> None:
        options, upload = self.run.options, self.run.job.upload
        patience = upload.patience
        if self.run.destination.mark == SANDBOX_MARK:
            patience = min(patience, SANDBOX_PATIENCE_SECONDS)
        self.policy = UncertainPolicy(options.on_uncertain or upload.on_uncertain, patience)
        self._rate = options.rate or upload.rate

    def finish_open_loads(self) -> None:
        """Send what is pending of the open load and close it, as long as nothing says stop."""
        run = self.run
        run.heed_signals()
        while self.may_go_on() and (load := run.ledger.open_load()) is not None:
            run.loads.append(load.number)
            max_rejects = self._max_rejects(load)
            check_rejects(run.job.path, run.ledger.books(load.number), max_rejects)
            if run.ledger.books(load.number).pending and self._events_left() != 0:
                self._look_for(load)
            self._send_canary(load, max_rejects)
            if self.may_go_on() and run.ledger.books(load.number).pending and self._events_left() != 0:
                self._send(
                    LoadParts(run.ledger, load.number, load_folder(run.folder, load.number)), max_rejects
                )
            if run.ledger.books(load.number).pending:
                return
            complete_load(run.opened, load.number, completed_at=run.wall_clock())

    def ask_first(self, load: int) -> AskedFirst:
        """Settle what is there already of a load whose rows are to be staged again; sends nothing."""
        run = self.run
        parts = [LoadParts(run.ledger, load, load_folder(run.folder, load))]
        if (canary := run.ledger.notes.canary.of(load)) is not None:
            parts.insert(0, CanaryParts(run.ledger, load, load_folder(run.folder, load), canary=canary))
        asking = FirstAsking(run.job, run.destination, self.policy, run.options.stop)
        asked = [asking.ask(one) for one in parts]
        if found := sum(one.found for one in asked):
            keep_new_ids(run.job, run.folder, run.ledger, run.started)
        return AskedFirst(found, sum(one.maybe_there for one in asked))

    def may_go_on(self) -> bool:
        """Return whether nothing ended the last sending early."""
        return not self.sendings or self.sendings[-1].report.stopped is None

    def count_uncertain(self) -> UncertainCounts:
        """Return what became of events of which no answer said whether they are there."""
        reports = [sending.report for sending in self.sendings]
        return UncertainCounts(
            found_there=sum(report.found_there for report in reports),
            sent_again=sum(report.sent_again for report in reports),
            doubled=sum(sending.doubled for sending in self.sendings),
            altered=sum(sending.altered for sending in self.sendings),
            pending=sum(sending.uncertain for sending in self.sendings),
            patience_seconds=self.policy.patience_seconds,
            reads=self.policy.reads,
            line=self.policy.line,
        )

    def _look_for(self, load: LoadEntry) -> None:
        """Look for a new load at the destination; raises `DestinationDiffers` where some of it is there already."""
        run = self.run
        wanted = run.options.overlap or run.job.upload.overlap
        # Who accepts a state that knows less than was delivered has said that it may be sent again.
        if wanted == "check" and not run.options.accept_state and is_to_be_looked_for(run.ledger, load):
            line = look_for_load(run.job, run.destination, run.ledger, load.number, run.folder)
            run.tell(*filter(None, [line]))

    def _send_canary(self, load: LoadEntry, max_rejects: MaxRejects) -> None:
        """Send a few events of the load first; raises `DestinationDiffers` where they aren't there as sent."""
        run = self.run
        check = CanaryCheck(
            run.job,
            run.destination,
            run.ledger,
            run.folder,
            load,
            self.policy.patience_seconds,
            run.options.stop,
        )
        send_canary(
            check,
            run.options.canary,
            lambda parts: self._send_first(parts, max_rejects),
            run.tell,
            probes=run.options.probe_dedupe,
            wall_clock=run.wall_clock,
        )

    def _send_first(self, parts: LoadParts, max_rejects: MaxRejects) -> bool:
        """Send some events before the others; return whether all of them were."""
        if self._events_left() == 0:
            return False
        self._send(parts, max_rejects)
        return self.may_go_on()

    def _send(self, parts: LoadParts, max_rejects: MaxRejects) -> None:
        run, load = self.run, parts.load
        run.ledger.begin_sending(load)
        terms = SendingTerms(
            rate=self._rate,
            pace=run.options.pace,
            policy=self.policy,
            limit=self._events_left(),
            rejects=count_rejects(open_reject_frames(run.folder, run.ledger, [load], ["code"])),
            max_rejects=max_rejects,
            stop=run.options.stop,
        )
        self.sendings.append(send_load(run.job, run.destination, parts, run.audience(), terms))

    def _max_rejects(self, load: LoadEntry) -> MaxRejects:
        # What is retried was rejected before: that some of it is again says nothing of the job.
        return self.run.job.limits.max_rejects if load.kind == "files" else NO_LIMIT

    def _events_left(self) -> int | None:
        options = self.run.options
        if options.limit is None or options.retry is not None:
            return None
        done = sum(sending.report.sent + sending.report.refused for sending in self.sendings)
        return max(0, options.limit - done)
