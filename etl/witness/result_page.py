"""A query for events by id, and what its answer says: a page of stored events, or why it is none. Pure.

Source: the contract of `POST /query/events`. There is no offset; that an answer was cut shows in `count < total`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from pydantic import ValidationError

from etl.event import StoredEvent

__all__ = ["LASTING", "Page", "Problem", "ProblemKind", "query_for_ids", "read_answer"]

_FIELDS: Final = (
    "id",
    "type",
    "eventType",
    "createdAt",
    "messageId",
    "conversationId",
    "searchQuery",
    "projectId",
    "integrationId",
    "properties",
    "userProperties",
)
_SELECT: Final = [{"type": "field", "field": field} for field in _FIELDS]
_TOO_LARGE: Final = frozenset({400, 413, 414, 422})
_KEY_REFUSED: Final = frozenset({401, 403})
_NO_ROUTE: Final = frozenset({404, 405})


class ProblemKind(StrEnum):
    """What an answer that is no page means for those that asked."""

    TOO_LARGE = "too large"  # or not understood: asked for fewer, it may be answered
    PASSING = "passing"
    KEY_CANNOT_READ = "key cannot read"
    NO_ROUTE = "no route"
    NOT_AN_ANSWER = "not an answer"


# What asking again won't mend.
LASTING: Final = frozenset({ProblemKind.KEY_CANNOT_READ, ProblemKind.NO_ROUTE})


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a question has no answer; `wait_seconds` is what the server asks for before the next."""

    kind: ProblemKind
    reason: str
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The stored events of one answer, by id, and how many results there are in all.

    `unreadable` are the ids of results that aren't events: what they are can't be told.
    """

    events: Mapping[str, Sequence[StoredEvent]]
    unreadable: frozenset[str]
    count: int
    total: int

    @property
    def is_whole(self) -> bool:
        """Whether every result is here, so that what isn't here isn't there."""
        return self.count == self.total


def query_for_ids(ids: Sequence[str]) -> bytes:
    """Return the body of a query for every field of the events with `ids`."""
    where = {"condition": {"field": "id", "operator": "in", "value": list(ids)}}
    return orjson.dumps({"select": _SELECT, "where": where})


def read_answer(
    status: int, body: bytes, asked: frozenset[str], wait_seconds: float | None = None
) -> Page | Problem:
    """Return what the answer to a query for the ids in `asked` says; `wait_seconds` is its headers' wish."""
    if status == 200:
        return _read_page(body, asked)
    if status in _KEY_REFUSED:
        return Problem(ProblemKind.KEY_CANNOT_READ, f"the key can't read: status {status}")
    if status in _NO_ROUTE or 300 <= status < 400:
        return Problem(ProblemKind.NO_ROUTE, f"the destination takes no queries: status {status}")
    if status in _TOO_LARGE:
        return Problem(ProblemKind.TOO_LARGE, f"the query was refused: status {status}")
    if status < 300:
        return Problem(ProblemKind.NOT_AN_ANSWER, f"expected status 200, found {status}")
    return Problem(ProblemKind.PASSING, f"status {status}", wait_seconds)


def _read_page(body: bytes, asked: frozenset[str]) -> Page | Problem:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _no_answer("JSON", "something else")
    if isinstance(answer, dict) and answer.get("status", "ok") != "ok":
        return _no_answer('the status "ok"', "another one")
    data = answer.get("data") if isinstance(answer, dict) else None
    rows = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(rows, list):
        return _no_answer("a list of results", "none")
    total, count = data.get("total"), data.get("count", len(rows))
    if type(total) is not int or type(count) is not int:
        return _no_answer("how many results there are in all (`total`)", "none")
    if count != len(rows) or total < count:
        return _no_answer(f"{count} results of {total}", f"{len(rows)}")
    if total and not count:
        return _no_answer(f"some of {total} results", "a page of none")
    return _sort_rows(rows, total, asked)


def _sort_rows(rows: list[Any], total: int, asked: frozenset[str]) -> Page | Problem:
    events: dict[str, list[StoredEvent]] = {}
    unreadable = set()
    for row in rows:
        event_id = row.get("id") if isinstance(row, dict) else None
        if not isinstance(event_id, str):
            return _no_answer("an id in every result", "one without")
        if event_id not in asked:
            return _no_answer("the events that were asked for", "another one")
        try:
            event = StoredEvent.model_validate(row)
        except ValidationError:
            unreadable.add(event_id)
        else:
            events.setdefault(event_id, []).append(event)
    return Page(events, frozenset(unreadable), len(rows), total)


def _no_answer(expected: str, found: str) -> Problem:
    return Problem(ProblemKind.NOT_AN_ANSWER, f"expected {expected}, found {found}")
