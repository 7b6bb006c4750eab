"""Every complete load has its receipt without being asked, whatever was killed when; each holds the one before."""

import json
import stat
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from etl.errors import StateError
from etl.ledger.store import Ledger
from etl.receipts.chain import append_receipt, read_chain
from etl.receipts.compose import compose_receipt
from etl.receipts.issue import issue_due
from etl.sandbox.process import SandboxProcess
from etl.values.receipt import Receipt, parse_receipt
from tests.workbench import call, delivered, place_of, row_of, run_here, write_job, write_rows

SANDBOX = "sandbox"


def receipts_of(job: Path, mark: str = SANDBOX) -> list[Path]:
    return sorted((place_of(job, mark).folder / "receipts").iterdir())


def read_receipts(job: Path, mark: str = SANDBOX) -> list[Receipt]:
    return [parse_receipt(path.read_bytes(), path.name) for path in receipts_of(job, mark)]


def open_ledger(job: Path) -> Ledger:
    ledger = Ledger.open_existing(place_of(job).folder)
    assert ledger is not None
    return ledger


def break_of(job: Path) -> str:
    with open_ledger(job) as ledger:
        return list(read_chain(place_of(job).folder, ledger))[-1].break_reason


@pytest.fixture(scope="module")
def sandbox() -> object:
    with SandboxProcess() as process:
        yield process


def test_a_load_that_ends_leaves_its_receipt_and_a_night_without_news_none(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 20, source='mode = "incremental"')
    assert run_here(job, sandbox, limit=5).exit_code == 0
    assert not (place_of(job).folder / "receipts").exists()  # something is pending
    for _ in range(2):
        assert run_here(job, sandbox).exit_code == 0
        [path] = receipts_of(job)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_rows(tmp_path / "log.csv", map(row_of, range(1, 31)))
    assert run_here(job, sandbox).exit_code == 0
    first, second = read_receipts(job)
    assert (first.load, first.books.delivered, first.previous_sha256) == (1, 20, None)
    assert (second.load, second.books.delivered) == (2, 10)
    assert second.previous_sha256 == sha256(receipts_of(job)[0].read_bytes()).hexdigest()
    assert call("receipt", "--sandbox", job).out == receipts_of(job)[1].read_text()


def test_rejects_that_are_retried_are_a_load_with_a_receipt_and_dismissing_writes_none(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, count="x"), row_of(3, count="y")])
    assert run_here(job, sandbox).exit_code == 3
    assert call("dismiss", "--sandbox", job, "--row", "3", "--reason", "a test row").code == 0
    assert len(receipts_of(job)) == 1
    job.write_text(job.read_text().replace('cast = "int"', 'cast = "string"'))
    assert call("retry", "--sandbox", "--quiet", job).code == 0
    assert [(one.load, one.books.delivered, one.rejects) for one in read_receipts(job)] == [
        (1, 1, {"unparsable_value": 2}),
        (2, 1, {}),
    ]


def test_what_a_kill_left_undone_is_done_by_whoever_comes_next(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    folder = place_of(job).folder
    assert run_here(job, sandbox).exit_code == 0
    [path] = receipts_of(job)
    written = path.read_bytes()
    with open_ledger(job) as ledger:  # killed before the receipt
        path.unlink()
        ledger.notes.receipts_through = 0
        with ledger.notes.session.writing() as writing:
            writing.execute("DELETE FROM meta WHERE key = 'newest_receipt'")
    assert run_here(job, sandbox).exit_code == 0
    assert parse_receipt(path.read_bytes(), "") == parse_receipt(written, "").model_copy(
        update={"issued_at": parse_receipt(path.read_bytes(), "").issued_at}
    )
    with open_ledger(job) as ledger:  # killed before the ledger knew of it
        ledger.notes.receipts_through = 0
        with ledger.notes.session.writing() as writing:
            writing.execute("DELETE FROM meta WHERE key = 'newest_receipt'")
        issue_due(folder, ledger, issued_at=1.0)
        assert [link.path for link in read_chain(folder, ledger)] == [path]
        assert (ledger.notes.receipts_through, len(receipts_of(job))) == (1, 1)


def test_loads_that_ended_before_there_were_receipts_get_none_by_themselves(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    assert run_here(job, sandbox).exit_code == 0
    [path] = receipts_of(job)
    path.unlink()
    with open_ledger(job) as ledger, ledger.notes.session.writing() as writing:
        writing.execute("DELETE FROM meta WHERE key IN ('newest_receipt', 'receipts_through')")
    assert run_here(job, sandbox).exit_code == 0
    assert receipts_of(job) == []
    assert call("receipt", "--sandbox", job).code == 0
    assert receipts_of(job) == [path]


def test_a_verification_that_finds_something_new_is_another_receipt(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "2%", rows=100) as (job, sandbox):
        flags = ("--quiet", "--endpoint", sandbox.url, "--patience", "0")
        mark = next((tmp_path / ".backfill").glob("docs*")).name.partition("@")[2]
        folder = next((tmp_path / ".backfill").glob("docs*/receipts"))
        for arguments, receipts in (
            (("--sample", "3"), 2),
            ((), 3),
            ((), 3),
            (("--repair",), 4),
            (("--sample", "5"), 4),
        ):
            call("verify", *flags, *arguments, job)
            assert len(list(folder.iterdir())) == receipts, (arguments, mark)
        said = [json.loads(path.read_bytes())["verification"] for path in sorted(folder.iterdir())]
        assert [one and (one["asked"], one["is_sample"]) for one in said] == [
            None,
            (3, True),
            (100, False),
            (100, False),
        ]
        assert said[2]["missing"] > said[3]["missing"] == 0


def test_a_receipt_that_was_changed_or_taken_out_is_told_also_if_it_is_the_last(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10, source='mode = "incremental"')
    folder = place_of(job).folder
    for rows in (10, 12, 14):
        write_rows(tmp_path / "log.csv", map(row_of, range(1, rows + 1)))
        assert run_here(job, sandbox).exit_code == 0
    paths = receipts_of(job)
    kept = [path.read_bytes() for path in paths]
    assert [json.loads(two)["previous_sha256"] for _, two in pairwise(kept)] == [
        sha256(one).hexdigest() for one, _ in pairwise(kept)
    ]
    assert break_of(job) == ""
    for at, change in ((0, kept[0][:-2]), (1, None), (2, kept[2].replace(b"14", b"15")), (2, None), (2, b"")):
        for path, written in zip(paths, kept, strict=True):
            path.write_bytes(written)
        if change is None:
            paths[at].unlink()
        else:
            paths[at].write_bytes(change)
        found = "none" if change is None else "it changed"
        digest = sha256(kept[at]).hexdigest()
        assert break_of(job) == (
            f"Expected the receipt that was issued (sha256 {digest}), found {found} - {paths[at]}"
        )
    # Of the load whose receipt is lost a new one is issued, on the one that was.
    told = call("receipt", "--sandbox", job)
    assert told.err == (
        f"Expected the receipt that was issued (sha256 {digest}), found it changed - {paths[2]}\n"
        "Put back the copy that was kept of it: without it the chain is broken there\n"
    )
    assert json.loads(told.out)["previous_sha256"] == digest
    assert (folder / "receipts/000004.json").read_text() == told.out


def test_a_disk_that_refuses_is_told_and_the_next_run_writes_it(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 5)
    folder = place_of(job).folder
    folder.mkdir(parents=True)
    (folder / "receipts").write_text("in the way")
    with pytest.raises(StateError, match="receipts"):
        run_here(job, sandbox)
    (folder / "receipts").unlink()
    assert run_here(job, sandbox).exit_code == 0
    assert [one.load for one in read_receipts(job)] == [1]


def test_what_lies_there_unknown_is_left_as_it_is(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 5)
    folder = place_of(job).folder
    assert run_here(job, sandbox).exit_code == 0
    strange = folder / "receipts/000002.json"
    strange.write_text("{}")
    with open_ledger(job) as ledger:
        link = append_receipt(folder, ledger, compose_receipt(folder, ledger, ledger.load(1), issued_at=2.0))
    assert (link.path.name, strange.read_text()) == ("000003.json", "{}")
