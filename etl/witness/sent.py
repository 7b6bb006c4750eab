"""The events of a load to ask for, and what was sent under each: judges what the destination shows of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from etl.event import StoredEvent, parse_body
from etl.stage.kept import KeptFolder
from etl.stage.parts import events_path
from etl.values.canonical import has_digest
from etl.values.delivery import EventPlace
from etl.values.verification import DifferenceKind, EventDifference
from etl.witness.compare import compare_event
from etl.witness.inquiry import Finding, Presence
from etl.witness.own_id import proves_itself

__all__ = ["SentEvents"]

# What may differ is held until its row is read again.
MOST_SUSPECTS: Final = 20_000
_UNKNOWN_CONTENT: Final = (
    "it isn't written as it was sent, and what was sent isn't kept any more: whether it differs can't be told"
)
_UNSHOWN: Final = "the answer doesn't show {}: whether it is as it was sent can't be told"
_TOO_DEEP: Final = "it is nested too deeply to be compared"
_DIFFERENT: Final = {Presence.MISSING: DifferenceKind.MISSING, Presence.DOUBLED: DifferenceKind.DOUBLED}


@dataclass(frozen=True, slots=True)
class _Suspect:
    place: EventPlace
    digest: bytes
    stored: StoredEvent


class SentEvents:
    """The delivered events of a load that are to be asked for: their ids, and what was sent under each.

    Memory holds one part, and the places of the ids that are asked for and not yet settled. `indices` are those of each
    part, taken as they are needed; `clean` makes texts of the destination fit to be shown.
    """

    def __init__(
        self, kept: KeptFolder, indices: Iterable[tuple[int, list[int]]], clean: Callable[[str], str] = str
    ) -> None:
        self._kept, self._clean = kept, clean
        self._suspects: dict[str, _Suspect] = {}
        self._indices = indices
        self._places: dict[str, EventPlace] = {}
        self._digests: dict[str, bytes | None] = {}
        self._bodies: tuple[int, list[str] | None] = (-1, None)

    def ids(self) -> Iterator[str]:
        """Yield the ids, part by part."""
        for part, indices in self._indices:
            frame = self._kept.read_ids(part, ["id"], if_there=["digest"])[indices]
            digests = frame["digest"].to_list() if "digest" in frame.columns else [None] * len(frame)
            for index, event_id, digest in zip(indices, frame["id"].to_list(), digests, strict=True):
                self._places[event_id] = EventPlace(part, index)
                self._digests[event_id] = digest
                yield event_id

    @property
    def suspects(self) -> dict[str, bytes]:
        """Return the digests, by id, of events that may differ and whose bodies aren't kept: see `settle_suspects`."""
        return {event_id: suspect.digest for event_id, suspect in self._suspects.items()}

    def settle_suspects(
        self, bodies: Iterator[tuple[str, str]]
    ) -> Iterator[tuple[EventPlace, EventDifference | None]]:
        """Yield what becomes of the events that may differ; `bodies` are those that could be read again, by id."""
        for event_id, body in bodies:
            if suspect := self._suspects.pop(event_id, None):
                yield suspect.place, self._compare(suspect.place, body, suspect.stored)
        for suspect in self._suspects.values():
            at = (suspect.place.part, suspect.place.at)
            yield suspect.place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=_UNKNOWN_CONTENT)
        self._suspects.clear()

    def settle(self, finding: Finding) -> tuple[EventPlace, EventDifference | None] | None:
        """Return the place of the event that `finding` is about, and how it differs from what was sent, if it does.

        None where only its body can tell, which isn't kept: it is among the suspects then.
        """
        place, digest = self._places.pop(finding.id), self._digests.pop(finding.id)
        at = (place.part, place.at)
        if finding.presence is Presence.UNKNOWN:
            return place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=finding.reason)
        if finding.presence is not Presence.THERE:
            return place, EventDifference(*at, _DIFFERENT[finding.presence])
        stored = finding.events[0]
        if has_digest(stored, digest):
            return place, None
        if (body := self._body(place)) is not None:
            return place, self._compare(place, body, stored)
        if proves_itself(stored):
            return place, None
        if digest is None or len(self._suspects) >= MOST_SUSPECTS:
            return place, EventDifference(*at, DifferenceKind.UNKNOWN, reason=_UNKNOWN_CONTENT)
        self._suspects[finding.id] = _Suspect(place, digest, stored)
        return None

    def _compare(self, place: EventPlace, body: str, stored: StoredEvent) -> EventDifference | None:
        at = (place.part, place.at)
        try:
            comparison = compare_event(parse_body(body), stored)
        except RecursionError:
            return EventDifference(*at, DifferenceKind.UNKNOWN, reason=_TOO_DEEP)
        if (difference := comparison.difference) is not None:
            expected, found = _json(difference.expected), self._clean(_json(difference.found))
            return EventDifference(*at, DifferenceKind.ALTERED, difference.field, expected, found)
        if comparison.unshown:
            fields = ", ".join(comparison.unshown)
            return EventDifference(*at, DifferenceKind.UNKNOWN, reason=_UNSHOWN.format(fields))
        return None

    def _body(self, place: EventPlace) -> str | None:
        """Return the body that was sent, None where the part has given way to its ids."""
        if self._bodies[0] != place.part:
            path = events_path(self._kept.folder, place.part)
            bodies = self._kept.read(path, ["body"])["body"].to_list() if path.exists() else None
            self._bodies = (place.part, bodies)
        bodies = self._bodies[1]
        return None if bodies is None else bodies[place.at]


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return '"nested too deeply to be shown"'
