"""Asks for what may be there of an open load, and sends nothing: before its rows are staged again under other ids."""

import asyncio
import threading
from dataclasses import dataclass

from etl.errors import Incomplete
from etl.job.model import Job
from etl.send.account import SendProgress
from etl.send.connect import open_transport
from etl.state.place import Destination
from etl.upload.asker import Asker, asking
from etl.upload.canary import run_stoppable
from etl.upload.load_parts import LoadParts
from etl.upload.policy import UncertainPolicy
from etl.values.remapped import AskedFirst
from etl.witness.asking import MOST_IN_FLIGHT, query_endpoint

__all__ = ["FirstAsking"]


@dataclass(frozen=True, slots=True)
class FirstAsking:
    """Who asks, and how: as a run that sends does."""

    job: Job
    destination: Destination
    policy: UncertainPolicy
    stop: threading.Event | None = None

    def ask(self, parts: LoadParts) -> AskedFirst:
        """Settle what is found there of what may be there; return what came of it.

        Raises `KeyProblem` where the key must read and can't, `Incomplete` where it can't be told now.
        """
        waiting = parts.count_pending_through(parts.offered())
        if not waiting:
            return AskedFirst()
        return run_stoppable(self._ask(parts, waiting), self.stop)

    async def _ask(self, parts: LoadParts, waiting: int) -> AskedFirst:
        reader = open_transport(
            query_endpoint(self.destination.endpoint),
            self.destination.key or "",
            self.job.upload.timeout,
            MOST_IN_FLIGHT,
        )
        progress = SendProgress()
        try:
            await self.policy.find_out(reader, asyncio.Event(), waiting if parts.ledger.notes.asks else 0)
            replaces = self.job.source.on_correction == "send"
            asker = Asker(parts, reader, self.policy, progress, lambda *_: None, replaces=replaces)
            async with asking(asker, parts, self.policy) as (_, apart):
                if apart is None:
                    return AskedFirst(maybe_there=waiting)
                await asker.wait_for_all()
        finally:
            await reader.close()
        if asker.unresolved is not None:
            raise Incomplete(
                "Expected to know what of the load is there before its rows get other ids, found: "
                f"{asker.unresolved[1]}",
                "Run the same command again later; or send what may be there again, unasked: --on-uncertain resend",
            )
        if not self.policy.asks:
            return AskedFirst(progress.found_there, waiting - progress.found_there)
        parts.note_uncertain_through(asker.through)
        return AskedFirst(progress.found_there)
