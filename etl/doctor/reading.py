"""What `doctor` says of asking the destination: whether the key reads, and how fast a query is answered.

Rule: asks for an event that nobody has, so that nothing of the project is read.
"""

import asyncio
import time
from collections.abc import Callable

from etl.send.connect import open_transport
from etl.upload.policy import NO_EVENT
from etl.values.symptom import Symptom
from etl.witness.asking import ask_page, query_endpoint
from etl.witness.result_page import Page, Problem, ProblemKind

__all__ = ["check_reading"]

TIMEOUT_SECONDS = 10.0


def check_reading(endpoint: str, key: str, clock: Callable[[], float] = time.monotonic) -> Symptom:
    """Return whether the destination can be asked for events with `key`; two queries, of which the second is timed."""
    answer, seconds = asyncio.run(_ask(endpoint, key, clock))
    if isinstance(answer, Page):
        return Symptom("queries", "ok", f"the key reads; a query is answered in {seconds * 1000:.0f} ms")
    if answer.kind is ProblemKind.PASSING:
        fix = "Try again later: verify, adopt and a canary ask the destination"
    elif answer.kind is ProblemKind.KEY_CANNOT_READ:
        fix = (
            "To verify, adopt or send a canary, use an API integration key; a run sends uncertain events again, "
            "unasked"
        )
    else:
        fix = "What was delivered can't be verified there; a run sends uncertain events again, unasked"
    return Symptom("queries", "warning", answer.reason, fix)


async def _ask(endpoint: str, key: str, clock: Callable[[], float]) -> tuple[Page | Problem, float]:
    # Not the fast transport: a process that ends after a failed connect may abort in its threads.
    transport = open_transport(query_endpoint(endpoint), key, TIMEOUT_SECONDS, 1, "httpx")
    try:
        answer = await ask_page(transport, [NO_EVENT])
        if not isinstance(answer, Page):
            return answer, 0.0
        began = clock()  # now that the connection is there
        return await ask_page(transport, [NO_EVENT]), clock() - began
    finally:
        await transport.close()
