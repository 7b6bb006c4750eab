"""A destination that keeps every event it gets, doubles too, loses answers, and can be asked: as a test says."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from tests.send.serving import serving
from tests.send.sink import Reply, Request, Sink

LOST = Reply(reset=True)


class Destination:
    """`loses` says of a request, whose event is kept, whether its answer is lost; `asked` what a query is answered.

    What comes is shown once `shows` says so.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.loses: Callable[[Request], bool] = lambda _: False
        self.lost_reply = LOST
        self.asked: Callable[[Request], Reply] = self.show
        self.queries = 0
        self.url = ""

    def store(self, request: Request) -> Reply:
        self.bodies.append(orjson.loads(request.body))
        return self.lost_reply if self.loses(request) else Reply(body=request.body)

    def ask(self, request: Request) -> Reply:
        self.queries += 1
        return self.asked(request)

    def show(self, request: Request) -> Reply:
        """Answer as the events API does, all in one page."""
        ids = set(orjson.loads(request.body)["where"]["condition"]["value"])
        found = [{**body, "eventType": body["entityType"]} for body in self.bodies if body["id"] in ids]
        answer = {"data": {"result": found, "count": len(found), "total": len(found)}}
        return Reply(body=orjson.dumps(answer))

    @property
    def copies(self) -> Counter[str]:
        """How often each event is there."""
        return Counter(body["id"] for body in self.bodies)


@contextmanager
def destination() -> Iterator[tuple[Destination, Sink]]:
    one = Destination()
    with serving(one.store) as sink:
        sink.answer_query = one.ask
        one.url = sink.url
        yield one, sink
