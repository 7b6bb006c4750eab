"""What a run does with events that may be stored although nothing proves it: asks for them, or sends them again."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from etl.errors import KeyProblem
from etl.send.transport import Transport
from etl.witness.asking import ask_page
from etl.witness.result_page import Page, Problem, ProblemKind

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
    """

    wanted: Literal["ask", "resend"] | None
    patience_seconds: float
    reads: bool | None = None
    asks: bool = False
    line: str = ""
    is_settled: bool = False

    @property
    def must_ask(self) -> bool:
        """Whether nothing may be sent again unasked."""
        return self.wanted == "ask"

    async def find_out(self, transport: Transport) -> None:
        """Find out with one query whether the key reads; raises `KeyProblem` where it must and can't."""
        if self.is_settled:
            return
        self.is_settled = True
        if self.wanted == "resend":
            self.line = f"as on_uncertain says: {SENT_AGAIN}"
            return
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answer = await ask_page(transport, [NO_EVENT])
        except TimeoutError:
            answer = Problem(ProblemKind.PASSING, f"no answer to a query within {PROBE_SECONDS:g} s")
        self._decide(answer)
        if self.must_ask and self.reads is False:
            raise KeyProblem(
                f'Expected a key that can read, as on_uncertain = "ask" wants, found: {self.line}',
                "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY), or let uncertain events be sent "
                'again: on_uncertain = "resend" under [upload], or --on-uncertain resend; nothing was sent',
            )

    def give_up(self, problem: Problem) -> None:
        """Take it that the destination can't be asked after all."""
        self._decide(problem)

    def note_answer(self) -> None:
        """Take it that the destination was asked, and answered."""
        if self.reads is None:
            self.reads, self.line = True, f"the key reads: {ASKED}"

    def _decide(self, answer: Page | Problem) -> None:
        if isinstance(answer, Page):
            self.reads, self.asks, self.line = True, True, f"the key reads: {ASKED}"
        elif answer.kind is ProblemKind.PASSING:
            self.reads, self.asks = None, True
            self.line = f"whether the key reads isn't known ({answer.reason}): {ASKED}"
        else:
            self.reads, self.asks = False, False
            self.line = answer.reason if self.must_ask else f"{answer.reason}: {SENT_AGAIN}"
