"""The ledger against a model of plain sets: whatever happens in whatever order, the books balance."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from etl.ledger.bitmap import set_indices
from tests.ledger.staged import delivered, open_ledger, refused, staged_load, staged_part

if TYPE_CHECKING:
    from etl.ledger.store import Ledger


class Model:
    """One load in plain Python: places are (part, index)."""

    def __init__(
        self, sizes: list[int], duplicates: set[tuple[int, int]], skipped: int, rejected: int
    ) -> None:
        self.places: set[tuple[int, int]] = {
            (part, index) for part, size in enumerate(sizes, 1) for index in range(size)
        }
        self.duplicates = duplicates & self.places
        self.skipped, self.rejected = skipped, rejected
        self.delivered: set[tuple[int, int]] = set()
        self.refused: set[tuple[int, int]] = set()
        self.state = "open"

    @property
    def pending(self) -> set[tuple[int, int]]:
        return self.places - self.duplicates - self.delivered - self.refused


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="ledger-machine-"))
        self.lives = 0
        self.abandoned: list[Ledger] = []
        self.models: dict[int, Model] = {}
        self.ledger = open_ledger(self.folder)

    @property
    def folder(self) -> Path:
        return self.root / str(self.lives)

    def teardown(self) -> None:
        for ledger in (*self.abandoned, self.ledger):
            ledger.close()
        shutil.rmtree(self.root)

    @rule(
        sizes=st.lists(st.integers(1, 20), max_size=3),
        duplicates=st.sets(st.tuples(st.integers(1, 3), st.integers(0, 19)), max_size=6),
        skipped=st.integers(0, 3),
        rejected=st.integers(0, 3),
    )
    def record(self, sizes: list[int], duplicates: set[tuple[int, int]], skipped: int, rejected: int) -> None:
        number = self.ledger.next_load_number
        model = Model(sizes, duplicates, skipped, rejected)
        parts = [
            staged_part(part, size, [index for at, index in model.duplicates if at == part])
            for part, size in enumerate(sizes, 1)
        ]
        self.ledger.record_load(staged_load(number, *parts, skipped=skipped, rejected=rejected))
        self.models[number] = model

    @precondition(lambda self: any(model.places - model.duplicates for model in self.models.values()))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        able = [number for number, model in self.models.items() if model.places - model.duplicates]
        number = data.draw(st.sampled_from(able))
        model = self.models[number]
        place = st.sampled_from(sorted(model.places - model.duplicates))
        chosen = data.draw(st.lists(st.tuples(place, st.booleans()), max_size=30))
        batch = []
        for (part, index), is_delivered in chosen:
            batch += (delivered if is_delivered else refused)(part, index)
        before = len(model.delivered), len(model.refused)
        model.delivered |= {at for at, is_delivered in chosen if is_delivered}
        model.refused = (model.refused | {at for at, _ in chosen}) - model.delivered
        grown = len(model.delivered) - before[0], len(model.refused) - before[1]
        assert self.ledger.settle(number, batch) == grown

    @precondition(lambda self: any(m.state == "open" and not m.pending for m in self.models.values()))
    @rule()
    def complete(self) -> None:
        number = next(n for n, m in self.models.items() if m.state == "open" and not m.pending)
        self.ledger.complete_load(number, completed_at=9.0)
        self.models[number].state = "complete"

    @precondition(lambda self: any(m.state == "open" and not m.delivered for m in self.models.values()))
    @rule()
    def discard(self) -> None:
        number = next(n for n, m in self.models.items() if m.state == "open" and not m.delivered)
        self.ledger.discard_load(number)
        del self.models[number]

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(self.folder)

    @rule()
    def crash(self) -> None:
        """What the disk holds at this instant is all that the next life gets."""
        before = self.folder
        self.lives += 1
        self.folder.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            if (before / name).exists():
                shutil.copyfile(before / name, self.folder / name)
        self.abandoned.append(self.ledger)
        self.ledger = open_ledger(self.folder)

    @invariant()
    def books_balance(self) -> None:
        assert [load.number for load in self.ledger.loads()] == sorted(self.models)
        for number, model in self.models.items():
            books = self.ledger.books(number)
            assert books.balances
            assert (books.delivered, books.pending) == (len(model.delivered), len(model.pending))
            assert books.rejected == model.rejected + len(model.refused)
            assert (books.duplicate, books.skipped) == (len(model.duplicates), model.skipped)
            assert self.ledger.load(number).state == model.state

    @invariant()
    def each_event_is_in_its_place(self) -> None:
        for number, model in self.models.items():
            pending, refused_places, delivered_places = set(), set(), set()
            for part in self.ledger.parts(number):
                pending |= {(part.number, index) for index in self.ledger.unsettled(number, part.number)}
                refused_places |= {(part.number, index) for index in set_indices(part.refused)}
                delivered_places |= {(part.number, index) for index in set_indices(part.delivered)}
            assert (pending, refused_places, delivered_places) == (
                model.pending,
                model.refused,
                model.delivered,
            )
            assert {(s.part, s.index) for s in self.ledger.refusals(number)} == model.refused


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
