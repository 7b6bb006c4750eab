"""Incremental jobs, night by night: new files, and files that grow; what is new is staged once."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.intake.retry import RetryRequest
from etl.sandbox.process import SandboxProcess
from tests.nights import Nights, counts, csv_of, incremental
from tests.workbench import HEADER, place_of, row_of


@pytest.fixture
def nights(tmp_path: Path, own_sandbox: SandboxProcess) -> Nights:
    return incremental(tmp_path, own_sandbox)


def test_an_unchanged_file_is_not_read_again_and_a_new_one_is_a_load_of_its_own(nights: Nights) -> None:
    nights.rows("log-1.csv", [1, 2, 3])
    assert counts(nights.run()) == (0, 3, 3, 0)
    again = nights.run()
    assert (again.exit_code, again.loads, again.attempts) == (0, (), 0)
    nights.rows("log-2.csv", [4])
    new = nights.run()
    assert (counts(new), new.loads) == ((0, 1, 1, 0), (2,))


def test_of_a_file_that_grew_only_the_new_rows_are_staged(nights: Nights) -> None:
    nights.rows("log.csv", [1, 2])
    nights.run()
    nights.rows("log.csv", [1, 2, 3, 4, 5])
    assert counts(nights.run()) == (0, 3, 3, 0)
    nights.rows("log.csv", [1, 2, 3, 4, 5, 6])
    assert counts(nights.run()) == (0, 1, 1, 0)
    assert nights.sandbox.stats()["stored"] == 6
    assert nights.run().loads == ()


def test_tsv_and_ndjson_grow_too(tmp_path: Path, own_sandbox: SandboxProcess) -> None:
    nights = incremental(tmp_path, own_sandbox)
    tabbed = csv_of([1, 2, 3]).replace(",", "\t").splitlines(keepends=True)
    names = HEADER.split(",")
    lines = [json.dumps(dict(zip(names, row_of(n).split(","), strict=True))) + "\n" for n in (11, 12, 13, 14)]
    nights.write("log.tsv", "".join(tabbed[:2]))
    nights.write("log.ndjson", "".join(lines[:2]) + "\n")
    assert counts(nights.run()) == (0, 3, 3, 0)
    nights.write("log.tsv", "".join(tabbed))
    nights.write("log.ndjson", "".join(lines[:2]) + "\n" + "".join(lines[2:]))
    assert counts(nights.run()) == (0, 4, 4, 0)
    assert nights.run().loads == ()


def test_a_last_line_that_is_being_written_is_left_for_the_next_night(nights: Nights) -> None:
    nights.write("log.csv", csv_of([1]) + "00002,2024-01-", quiet=False)
    assert counts(nights.run()) == (0, 1, 1, 0)
    assert nights.run().loads == (), "what is there is half a line"
    nights.rows("log.csv", [1, 2], quiet=False)
    assert counts(nights.run()) == (0, 1, 1, 0)
    assert nights.queries() == ["what is 1?", "what is 2?"]


def test_a_last_line_without_its_end_is_taken_once_the_file_is_quiet(nights: Nights) -> None:
    nights.write("log.csv", csv_of([1, 2])[:-1], quiet=False)
    assert counts(nights.run()) == (0, 1, 1, 0)
    nights.write("log.csv", csv_of([1, 2])[:-1])
    assert counts(nights.run()) == (0, 1, 1, 0)
    nights.write("log.csv", csv_of([1, 2, 3])[:-1], quiet=False)
    assert nights.run().loads == (), "row 3 is being written, row 2 is staged already"
    nights.rows("log.csv", [1, 2, 3])
    assert counts(nights.run()) == (0, 1, 1, 0)


def test_half_a_line_that_was_taken_for_a_row_and_went_on_is_an_error_not_a_lost_row(nights: Nights) -> None:
    nights.write("log.csv", csv_of([1]) + "00002,2024-01-31T09:30:00Z,q,what is 2,1")
    assert counts(nights.run()) == (0, 2, 2, 0)
    nights.write("log.csv", csv_of([1]) + "00002,2024-01-31T09:30:00Z,q,what is 2,12\n")
    outcome = nights.run()
    assert outcome.exit_code == 4
    assert outcome.message.startswith("Expected the file as it was when it was staged (")


def test_a_quoted_record_that_is_half_written_is_left_and_then_whole(nights: Nights) -> None:
    quoted = '00002,2024-01-31T09:30:00Z,q,"first line\nsecond, line\nthird",1\n'
    for cut in (40, 50, 56, len(quoted) - 3):
        nights.write("log.csv", csv_of([1]) + quoted[:cut], quiet=False)
        assert nights.run().exit_code == 0
    assert nights.queries() == ["what is 1?"]
    nights.write("log.csv", csv_of([1]) + quoted + row_of(3) + "\n", quiet=False)
    assert counts(nights.run()) == (0, 2, 2, 0)
    assert "first line\nsecond, line\nthird" in nights.queries()


def test_a_quoted_record_that_was_given_up_as_malformed_and_closed_later_is_an_error(nights: Nights) -> None:
    half = csv_of([1]) + '00002,2024-01-31T09:30:00Z,q,"first line\n'
    nights.write("log.csv", half)
    assert counts(nights.run()) == (3, 2, 1, 0)
    nights.write("log.csv", half + f'second line",1\n{row_of(3)}\n')
    assert nights.run().exit_code == 4
    nights.job.write_text(nights.job.read_text().replace("[event]", 'on_change = "restage"\n[event]', 1))
    assert counts(nights.run()) == (0, 3, 2, 1)


def test_a_file_without_a_whole_line_is_nothing_new(nights: Nights) -> None:
    nights.write("log.csv", "id,at", quiet=False)
    outcome = nights.run()
    assert (outcome.exit_code, outcome.state, outcome.loads) == (0, "complete", ())
    nights.write("log.csv", HEADER + "\n", quiet=False)
    assert (nights.run().exit_code, nights.run().loads) == (0, ())
    assert not list((place_of(nights.job).folder / "loads").glob("*")), "nothing is left of an empty staging"
    nights.write("log-2.csv", "", quiet=False)
    nights.rows("log.csv", [1])
    assert counts(nights.run()) == (0, 1, 1, 0)


@pytest.mark.parametrize("keep", ["", "keep = true"])
def test_rows_of_an_overlapping_export_are_duplicates_across_loads(
    tmp_path: Path, own_sandbox: SandboxProcess, keep: str
) -> None:
    nights = incremental(tmp_path, own_sandbox, top=keep)
    nights.rows("log-1.csv", [1, 2, 3, 4])
    nights.run()
    events = list(place_of(nights.job).folder.glob("loads/000001/events-*"))
    assert bool(events) is bool(keep), "without `keep` only the ids are left of a load"
    nights.rows("log-2.csv", [3, 4, 5, 6])
    assert counts(nights.run()) == (0, 4, 2, 2)
    nights.rows("log-3.csv", [1, 6, 7, 7])
    assert counts(nights.run()) == (0, 4, 1, 3)
    stats = nights.sandbox.stats()
    assert (stats["stored"], stats["attempts"]) == (7, 7)


def test_a_row_that_the_server_refused_before_is_no_duplicate(tmp_path: Path) -> None:
    with SandboxProcess("--reject", "100%") as strict:
        nights = incremental(tmp_path, strict)
        nights.rows("log-1.csv", [1, 2])
        assert nights.run().books.rejected == 2
    with SandboxProcess() as mild:
        nights.sandbox = mild
        nights.rows("log-2.csv", [1, 2, 3])
        assert counts(nights.run()) == (0, 3, 3, 0)


def test_rejects_of_a_grown_file_name_their_row_and_line_in_it(nights: Nights) -> None:
    first = csv_of([1]) + '00002,2024-01-31T09:30:00Z,q,"two\nlines",1\n\n' + row_of(3, at="n/a") + "\n"
    nights.write("log.csv", first)
    assert counts(nights.run()) == (3, 3, 2, 0)
    nights.write("log.csv", first + "too,short\n" + row_of(5) + "\n" + row_of(6, at="never") + "\n")
    outcome = nights.run()
    assert (counts(outcome), outcome.books.rejected) == ((3, 3, 1, 0), 2)
    found = [(line["load"], line["row"], line["line"], line["code"]) for line in nights.rejects()]
    assert found == [
        (1, 3, 6, "unparsable_timestamp"),
        (2, 4, 7, "malformed_record"),
        (2, 6, 9, "unparsable_timestamp"),
    ]


def test_rejects_of_a_grown_file_can_be_retried(nights: Nights) -> None:
    nights.rows("log.csv", [1])
    nights.run()
    nights.write("log.csv", csv_of([1]) + row_of(2, action="zoom") + "\n" + row_of(3) + "\n")
    assert counts(nights.run()) == (3, 2, 1, 0)
    job = nights.job.read_text().replace('q = "search', 'zoom = "modal_opened", q = "search')
    nights.job.write_text(job)
    assert counts(nights.run(retry=RetryRequest())) == (0, 1, 1, 0)
    # The mapping of what is new must be accepted; the file itself is known as it was.
    assert nights.run(accept_new_mapping=True).loads == ()


def test_numbered_repeats_need_a_file_that_is_whole(tmp_path: Path, own_sandbox: SandboxProcess) -> None:
    nights = incremental(tmp_path, own_sandbox, id_spec='{ columns = ["id"], duplicates = "number" }')
    nights.write("log.csv", csv_of([1, 1, 2]) + "0000", quiet=False)
    assert nights.run().loads == (), "a file that is being written waits until it is whole"
    nights.rows("log.csv", [1, 1, 2], quiet=False)
    assert counts(nights.run()) == (0, 3, 3, 0)
    nights.rows("log.csv", [1, 1, 2, 2], quiet=False)
    outcome = nights.run()
    assert (outcome.exit_code, outcome.attempts) == (4, 0)
    assert '`duplicates = "number"` needs, found it grown - log.csv' in outcome.message


CELLS = st.text(st.sampled_from('ab ",\né'), min_size=1, max_size=5)


@settings(max_examples=12, deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=8), data=st.data())
def test_nightly_runs_of_a_growing_file_deliver_exactly_the_events_of_the_whole_file(
    sandbox: SandboxProcess, cells: list[str], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tag = folder.name
        lines = [
            f'{number:05d},2024-01-31T09:30:00Z,q,"{tag} {cell.replace(chr(34), chr(34) * 2)}",1\n'
            for number, cell in enumerate(cells)
        ]
        whole = (HEADER + "\n" + "".join(lines)).encode()
        nights = incremental(folder, sandbox, id_spec="{}")
        read = 0
        for cut in sorted(data.draw(st.lists(st.integers(1, len(whole)), max_size=4))):
            nights.write("log.csv", whole[:cut], quiet=False)
            outcome = nights.run()
            assert (outcome.exit_code, outcome.books.rejected) == (0, 0), outcome
            read += outcome.books.read
        nights.write("log.csv", whole)
        last = nights.run()
        assert last.exit_code == 0, last
        assert read + last.books.read == len(cells)
        assert [query for query in nights.queries() if query.startswith(f"{tag} ")] == sorted(
            {f"{tag} {cell}" for cell in cells}
        )
