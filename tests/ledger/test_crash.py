"""Real processes, really killed, and a disk that really refuses to take more."""

import random
import signal
from pathlib import Path

import pytest

from etl.ledger.store import Ledger
from tests.ledger.staged import start_child

BATCH = 50
PARTS, EVENTS = 4, 20_000

SETTLE = f"""
import sys
from pathlib import Path
from tests.ledger.staged import delivered, open_ledger, staged_load, staged_part
ledger = open_ledger(Path(sys.argv[1]))
if not ledger.loads():
    ledger.record_load(staged_load(1, *(staged_part(n, {EVENTS}) for n in range(1, {PARTS} + 1))))
print(ledger.books(1).delivered, flush=True)
for part in ledger.parts(1):
    pending = ledger.unsettled(1, part.number)
    for at in range(0, len(pending), {BATCH}):
        ledger.settle(1, delivered(part.number, *pending[at : at + {BATCH}]))
        print(ledger.books(1).delivered, flush=True)
"""


def test_what_was_durable_is_there_after_kill_9_at_any_moment(tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "docs"
    said = 0
    for _ in range(6):
        child = start_child(SETTLE, folder)
        for _ in range(rng.randrange(1, 120)):
            line = child.stdout.readline()
            assert line.strip().isdigit(), child.stderr.read()
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()  # not communicate(), which forgets lines that readline() has buffered
        child.communicate()
        complete = [text for text in (line + rest).split("\n")[:-1] if text]
        before, said = said, int(complete[-1])
        assert said >= before
        with Ledger.open_existing(folder) as ledger:
            books = ledger.books(1)
        assert books.balances
        assert said <= books.delivered <= said + BATCH
        said = books.delivered
    assert said > 0


FILL = """
import resource, sys
from pathlib import Path
from etl.errors import StateError
from tests.ledger.staged import delivered, open_ledger, refused, staged_load, staged_part
ledger = open_ledger(Path(sys.argv[1]))
ledger.record_load(staged_load(1, staged_part(1, 60_000)))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
durable = 0
errors = []
for at in range(0, 60_000, 100):
    try:
        ledger.settle(1, refused(1, *range(at, at + 100)))
        durable += 100
    except StateError as error:
        errors.append(error)
        if len(errors) == 3:
            break
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
try:
    ledger.loads()
except StateError as error:
    errors.append(error)
assert len(errors) == 4 and all(error is errors[0] for error in errors), errors
ledger.close()
print(durable)
print(*(path.stat().st_size for path in sorted(Path(sys.argv[1]).iterdir())))
print(errors[0])
"""


@pytest.mark.parametrize("room_bytes", [200_000, 700_000, 2_000_000])
def test_a_disk_that_takes_no_more_shuts_the_ledger_and_loses_nothing(
    tmp_path: Path, room_bytes: int
) -> None:
    child = start_child(FILL, tmp_path / "docs", room_bytes)
    out, problem = child.communicate(timeout=60)
    assert child.returncode == 0, problem
    durable, sizes, text = out.split("\n", 2)
    # Room came back before the ledger was closed, and still nothing more was written, not even on the way out.
    assert [str(path.stat().st_size) for path in sorted((tmp_path / "docs").iterdir())] == sizes.split()
    assert (tmp_path / "docs" / "ledger.db-wal").stat().st_size > 0
    assert "Expected the disk to read and write, found `disk I/O error`" in text
    assert "what was recorded is safe" in text
    with Ledger.open_existing(tmp_path / "docs") as ledger:
        books = ledger.books(1)
        assert books.balances
        assert int(durable) <= books.rejected <= int(durable) + 100
        assert sum(1 for _ in ledger.refusals(1)) == books.rejected
