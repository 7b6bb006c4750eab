"""Which events of a load are its canary, and the parts of the load with only these."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import polars as pl

from etl.ledger.store import Ledger
from etl.stage.kept import KeptFolder
from etl.upload.load_parts import LoadParts
from etl.values.canary import Canary
from etl.values.delivery import BEFORE_ALL, EventPlace
from etl.witness.choose import CANARY_COLUMNS, choose_canary

__all__ = ["CanaryParts", "choose_places"]


@dataclass(frozen=True, slots=True)
class CanaryParts(LoadParts):
    """The parts of a load, and of its events the canary's alone."""

    canary: Canary = field(default_factory=lambda: Canary(()))

    def unsettled(self, part: int) -> list[int]:
        """Return the indices in a part of the canary's events that are to be sent."""
        chosen = set(self.canary.by_part().get(part, ()))
        return [at for at in self.ledger.unsettled(self.load, part) if at in chosen]

    def count_pending(self) -> int:
        """Return how many events of the canary are to be sent."""
        return sum(len(self.unsettled(part)) for part in self.canary.by_part())

    def note_offered(self, place: EventPlace) -> None:  # noqa: ARG002 - wherever it is, the canary is noted
        """Note, before they are handed out, that events of the canary may be on the server; of the others none is."""
        self.ledger.notes.canary.put(self.load, replace(self.canary, state="open"))

    def note_uncertain_through(self, place: EventPlace) -> None:
        """Note, once a send has ended, whether something that is pending of the canary may be on the server."""
        if place == BEFORE_ALL:
            self.ledger.notes.canary.put(self.load, replace(self.canary, state="chosen"))

    def offered(self) -> EventPlace:
        """Return up to where events of the canary may have been handed to a sender."""
        return max(self.canary.places) if self.canary.state == "open" else BEFORE_ALL


def choose_places(ledger: Ledger, kept: KeptFolder, load: int, count: int) -> tuple[EventPlace, ...]:
    """Return the places of at most `count` pending events that stand for `load`; reads each part once."""
    columns = [name for name in CANARY_COLUMNS if name != "size"]

    def frames() -> Iterator[tuple[int, pl.DataFrame]]:
        for part in ledger.parts(load):
            if pending := ledger.unsettled(load, part.number):
                events = kept.read_ids(part.number, [*columns, "body"]).with_row_index("index")
                size = pl.col("body").str.len_bytes().alias("size")
                yield part.number, events[pending].with_columns(size).drop("body")

    return tuple(EventPlace(*place) for place in choose_canary(frames(), count))
