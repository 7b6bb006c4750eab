"""The single facts that a ledger notes beside its tables: each is declared here, once, with its key and its type.

A fact is a row of `meta`. One that was never noted reads as None; a note of another version of backfill stays as it is.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar, overload

from etl.ledger.session import Session
from etl.ledger.tables import META, NotedText
from etl.values.canary import Canary, SecondEvent, SecondEventEffect
from etl.values.delivery import EventPlace
from etl.values.extent import Span, Watermark
from etl.values.outcome import CorrectionCounts
from etl.values.remapped import RowChange
from etl.values.renamed import CameAgain, Renamed

__all__ = ["UNFINISHED", "Note", "NotePerLoad", "NotedFilter", "Notes", "ReceiptMark"]

T = TypeVar("T")

UNFINISHED: Final = -1


def _read(connection: sqlite3.Connection, key: str) -> str | None:
    """Return the text noted under `key`."""
    row = next(META.select(connection, "WHERE key = ?", (key,)), None)
    return None if row is None else row.value


def _write(connection: sqlite3.Connection, key: str, text: str) -> None:
    """Note `text` under `key`, in the transaction that the caller has open."""
    if _read(connection, key) is None:
        META.insert(connection, [NotedText(key, text)])
    else:
        META.update(connection, NotedText(key, text))


class Note(Generic[T]):
    """One fact of a job: an attribute of `Notes`, durable when it has been set."""

    def __init__(self, key: str, of_text: Callable[[str], T], to_text: Callable[[T], str] = str) -> None:
        self.key, self.of_text, self.to_text = key, of_text, to_text

    @overload
    def __get__(self, notes: None, owner: type) -> Self: ...
    @overload
    def __get__(self, notes: "Notes", owner: type) -> T | None: ...
    def __get__(self, notes: "Notes | None", owner: type) -> Self | T | None:
        """Return the fact; None where it was never noted."""
        if notes is None:
            return self
        with notes.session.reading() as connection:
            text = _read(connection, self.key)
        return None if text is None else self.of_text(text)

    def __set__(self, notes: "Notes", value: T) -> None:
        """Note the fact."""
        with notes.session.writing() as connection:
            _write(connection, self.key, self.to_text(value))


class NotePerLoad(Generic[T]):
    """One fact of each load: an attribute of `Notes`, which `of` reads and `put` notes."""

    def __init__(self, key: str, of_text: Callable[[str], T], to_text: Callable[[T], str] = str) -> None:
        self.key, self.of_text, self.to_text = key, of_text, to_text

    def __get__(self, notes: "Notes", owner: type) -> "BoundNote[T]":
        """Return the fact of the loads of one ledger."""
        return BoundNote(notes.session, self)


class BoundNote(Generic[T]):
    """One fact of each load, in one ledger."""

    def __init__(self, session: Session, note: NotePerLoad[T]) -> None:
        self._session, self._note = session, note

    def of(self, load: int) -> T | None:
        """Return the fact of `load`; None where it was never noted."""
        with self._session.reading() as connection:
            text = _read(connection, f"{self._note.key}:{load}")
        return None if text is None else self._note.of_text(text)

    def put(self, load: int, value: T) -> None:
        """Note the fact of `load`, which need not be recorded yet."""
        with self._session.writing() as connection:
            self.write(connection, load, value)

    def write(self, connection: sqlite3.Connection, load: int, value: T) -> None:
        """Note the fact of `load` in the transaction that the caller has open."""
        _write(connection, f"{self._note.key}:{load}", self._note.to_text(value))


def _span_of(text: str) -> Span:
    return Span(*(None if moment is None else datetime.fromisoformat(moment) for moment in json.loads(text)))


def _span_text(span: Span) -> str:
    return json.dumps([None if moment is None else moment.isoformat() for moment in span])


class ReceiptMark(NamedTuple):
    """A receipt of the job's chain: its number there, and its digest."""

    number: int
    sha256: str


class NotedFilter(NamedTuple):
    """The SQL of the filter under which a load was staged; None where the job had no filter."""

    sql: str | None


def _filter_of(text: str) -> NotedFilter:
    return NotedFilter(json.loads(text))


def _corrections_text(counts: CorrectionCounts) -> str:
    return json.dumps(asdict(counts))


def _renamed_of(text: str) -> Renamed:
    said: dict[str, Any] = json.loads(text)
    return Renamed(**said | {"example": RowChange(*said["example"]) if said["example"] else None})


def _came_again_of(text: str) -> CameAgain:
    said: dict[str, Any] = json.loads(text)
    return CameAgain(**said | {"example": RowChange(*said["example"]) if said["example"] else None})


def _open_of(text: str) -> tuple[str, dict[int, dict[str, int]]]:
    state, counts = json.loads(text)
    return state, {int(load): codes for load, codes in counts.items()}


def _from_json(make: Callable[..., T]) -> Callable[[str], T]:
    def read(text: str) -> T:
        said: dict[str, Any] = json.loads(text)
        return make(**said)

    return read


def _place_of(text: str) -> EventPlace:
    part, _, at = text.partition(":")
    return EventPlace(int(part), int(at))


def _canary_of(text: str) -> Canary:
    said = json.loads(text)
    return Canary(tuple(EventPlace(*place) for place in said["places"]), said["state"])


def _second_event_of(text: str) -> SecondEvent:
    effect, found_at = json.loads(text)
    return SecondEvent(SecondEventEffect(effect), found_at)


class Notes:
    """The facts noted in one ledger. Every access raises StateError once the disk has failed."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # Whose ledger it is, where its events go, when it was made, and a random name that tells it from a copy of another.
    job = Note("job", str)
    endpoint = Note("endpoint", str)
    created_at = Note("created_at", float, repr)
    state_id = Note("state_id", str)

    # The job file whose state it is, relative to the state's folder.
    job_file = Note("job_file", str)

    # The number of the first load of which the ledger knows every file.
    listed_from = Note("listed_from", int)
    # The number of the newest load of which a request may have been sent: noted before the first one.
    sending_load = Note("sending_load", int)
    # The number of the newest load that a run has told of, with all before it.
    told_through = Note("told_through", int)
    # The number of the newest load whose files were removed; those of all loads before it are, too.
    cleared_through = Note("cleared_through", int)
    # The fingerprint of the mapping that was accepted beside what was delivered under another one.
    accepted_mapping = Note("accepted_mapping", str)
    # What the error reports were written from.
    reported = Note("reported", str)
    # The newest receipt, and the number of the newest load that has one, with all before it.
    newest_receipt = Note("newest_receipt", _from_json(ReceiptMark), lambda mark: json.dumps(mark._asdict()))
    receipts_through = Note("receipts_through", int)
    # How many rejects of each load were open, by code, and of which state of them that is true.
    open_rejects = Note("open_rejects", _open_of, json.dumps)
    # How many ids one query may hold, as the destination was seen to take.
    ids_a_query = Note("ids_a_query", int)
    # What the destination was found to do with a second event of one id.
    second_event = Note(
        "second_event", _second_event_of, lambda found: json.dumps([found.effect, found.found_at])
    )
    # Whether the newest run asks for what may be there already before it sends it again (1), or not (0).
    asks = Note("asks", int)

    # How far the watermark had come after a load, and the span which all loads up to it have read whole.
    watermark = NotePerLoad("watermark", _from_json(Watermark), lambda mark: json.dumps(mark._asdict()))
    span = NotePerLoad("span", _span_of, _span_text)
    filter = NotePerLoad("filter", _filter_of, lambda noted: json.dumps(noted.sql))
    # Rows of a load that came again with another content.
    corrections = NotePerLoad("corrections", _from_json(CorrectionCounts), _corrections_text)
    # What the delivered events of a load would be under the mapping of now; and which that an older one delivered came
    # again in a load.
    renamed = NotePerLoad("renamed", _renamed_of, lambda renamed: json.dumps(asdict(renamed)))
    came_again = NotePerLoad("came_again", _came_again_of, lambda found: json.dumps(asdict(found)))
    # How many events of a load, of which each was looked for at the destination, are there otherwise than they would be
    # sent: where none is, it may be sent. UNFINISHED where they are still being looked for.
    looked_for = NotePerLoad("looked_for", int)
    # Up to which place events of a load were handed to a sender: what is pending there may be on the server.
    offered = NotePerLoad("offered", _place_of, lambda place: f"{place.part}:{place.at}")
    # Which events of a load go first, and how far that is: noted before any is sent.
    canary = NotePerLoad("canary", _canary_of, lambda canary: json.dumps(asdict(canary)))
    # Whose rows a load took over.
    takes_over = NotePerLoad("takes_over", int)
