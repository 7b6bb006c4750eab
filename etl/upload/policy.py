"""What a run does with events that may be stored although nothing proves it: asks for them, or sends them again.

Rule: what was promised holds. A run that has found that its key reads sends nothing again unasked, whatever becomes of
the key; nor does one that finds uncertain events which an earlier run left to be asked for.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from etl.errors import KeyProblem
from etl.send.settings import StopSignal
from etl.send.transport import Transport
from etl.witness.asking import ask_page
from etl.witness.result_page import LASTING, Page, Problem, ProblemKind

__all__ = ["NO_EVENT", "UncertainPolicy"]

# What no event has as its id: that none is there proves as much.
NO_EVENT: Final = "inkeep-backfill-does-this-key-read"
PROBE_SECONDS: Final = 10.0
ASKED: Final = "uncertain events are asked for before they are sent again"
SENT_AGAIN: Final = (
    "uncertain events are sent again, unasked: a destination that keeps doubles may hold some of them twice"
)


@dataclass(slots=True)
class UncertainPolicy:
    """What a run was told, and what it found out: `reads` is whether the key can read, None while that isn't known.

    `asks` is whether uncertain events are asked for, for as long as `patience_seconds`. `line` is for a person.
    `relied_on` counts the events that an earlier run left to be asked for.
    """

    wanted: Literal["ask", "resend"] | None
    patience_seconds: float
    reads: bool | None = None
    asks: bool = False
    line: str = ""
    relied_on: int = 0
    is_settled: bool = False

    async def find_out(self, transport: Transport, stop: StopSignal, relied_on: int = 0) -> None:
        """Find out with one query whether the key reads; raises `KeyProblem` where it must and can't.

        `relied_on` events were left by a run that asks. Ends early once `stop` says so.
        """
        self.relied_on = relied_on
        if self.wanted == "resend":
            self.line = f"as on_uncertain says: {SENT_AGAIN}"
            return
        if not self.is_settled:
            self.is_settled = True
            self._decide(await _probe(transport, stop))
        if self._must_ask and self.reads is False:
            raise self._cannot_ask()

    def may_send_unasked(self, problem: Problem) -> bool:
        """Whether, as `problem` keeps the destination from being asked, uncertain events go unasked from here on."""
        if problem.kind not in LASTING or self._must_ask or self.reads:
            return False
        self._decide(problem)
        return True

    def note_answer(self) -> None:
        """Take it that the destination was asked, and answered."""
        if self.reads is None:
            self.reads, self.line = True, f"the key reads: {ASKED}"

    @property
    def _must_ask(self) -> bool:
        return self.wanted == "ask" or self.relied_on > 0

    def _decide(self, answer: Page | Problem) -> None:
        if isinstance(answer, Page):
            self.reads, self.asks, self.line = True, True, f"the key reads: {ASKED}"
        elif answer.kind is ProblemKind.PASSING:
            self.reads, self.asks = None, True
            self.line = f"whether the key reads isn't known ({answer.reason}): {ASKED}"
        else:
            self.reads, self.asks = False, False
            self.line = answer.reason if self._must_ask else f"{answer.reason}: {SENT_AGAIN}"

    def _cannot_ask(self) -> KeyProblem:
        if self.wanted == "ask":
            expected = 'as on_uncertain = "ask" wants'
        else:
            left = "1 event" if self.relied_on == 1 else f"{self.relied_on:,} events"
            expected = f"as the last run had, which left {left} that may be there already"
        return KeyProblem(
            f"Expected a key that can read, {expected}, found: {self.line}",
            "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY), or let uncertain events be sent "
            'again: on_uncertain = "resend" under [upload], or --on-uncertain resend; nothing was sent',
        )


async def _probe(transport: Transport, stop: StopSignal) -> Page | Problem:
    """Return what one query brings, or that nothing came of it in time."""
    asked = asyncio.ensure_future(ask_page(transport, [NO_EVENT]))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((asked, stopped), timeout=PROBE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        return Problem(ProblemKind.PASSING, f"no answer to a query within {PROBE_SECONDS:g} s")
    finally:
        for task in (asked, stopped):
            task.cancel()
        await asyncio.gather(asked, stopped, return_exceptions=True)
