"""Rows that an older mapping delivered, and that come again under another one: told, counted, never sent as new."""

import json
from pathlib import Path
from typing import Any

import pytest

from etl.sandbox.process import SandboxProcess
from etl.state.place import JobPlace
from etl.values.outcome import Outcome
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows

OTHER_KEY = '{ columns = ["id", "query"] }'


class Nights:
    """An incremental job, and nights that each bring a file."""

    def __init__(self, folder: Path, sandbox: SandboxProcess) -> None:
        self.folder, self.sandbox = folder, sandbox
        (folder / "nights").mkdir()

    def write_job(self, source: str = "", **more: Any) -> Path:
        says = f'mode = "incremental"\n{source}'
        self.job = write_job(self.folder, paths="nights/*.csv", source=says, **more)
        return self.job

    def bring(self, *rows: str) -> None:
        count = len(list((self.folder / "nights").iterdir()))
        write_rows(self.folder / "nights" / f"{count + 1}.csv", rows)

    def run(self, **options: Any) -> Outcome:
        return run_here(self.job, self.sandbox, **options)

    @property
    def place(self) -> JobPlace:
        return place_of(self.job)

    def ids(self) -> dict[str, str]:
        """The ids that the sandbox holds, by the query of the row."""
        return {json.loads(event["body"])["searchQuery"]: event["id"] for event in self.sandbox.events()}


@pytest.fixture
def nights(tmp_path: Path, own_sandbox: SandboxProcess) -> Nights:
    return Nights(tmp_path, own_sandbox)


def rows(first: int, last: int, **more: Any) -> list[str]:
    return [row_of(n, **more) for n in range(first, last + 1)]


@pytest.mark.parametrize(
    "specs",
    [
        ('{ columns = ["id"] }', OTHER_KEY),
        ('{ duplicates = "collapse" }', '{ columns = ["id"] }'),
        ('{ columns = ["id"] }', '{ duplicates = "collapse" }'),
        ('{ columns = ["id"] }', '{ column = "query", verbatim = true }'),
        ('{ columns = ["id"], duplicates = "number" }', '{ duplicates = "number" }'),
    ],
)
def test_rows_of_an_older_mapping_that_come_again_are_duplicates_told_with_an_example(
    nights: Nights, specs: tuple[str, str]
) -> None:
    nights.write_job(id_spec=specs[0])
    nights.bring(*rows(1, 5))
    assert nights.run().books.delivered == 5
    before = nights.ids()
    nights.write_job(id_spec=specs[1])
    nights.bring(*rows(1, 7))
    assert nights.run().exit_code == 2
    said: list[str] = []
    done = nights.run(accept_new_mapping=True, say=said.append)
    assert (done.exit_code, done.books.delivered, done.books.duplicate, done.sent_now) == (0, 2, 5, 2)
    after = nights.ids()
    assert {query: after[query] for query in before} == before
    example = done.came_again.example
    assert example is not None
    old, new = example.old_id, example.new_id
    assert (old, new != old) == (before["what is 1?"], True)
    assert said == [
        "docs: 5 of 5 events that were delivered under an older mapping would have another id now, as in nights/1.csv "
        f"row 1: {old}, which would be {new} now; where their rows come again they count as duplicates",
        "docs: 5 events that were delivered under an older mapping came again: they count as duplicates and aren't "
        f"sent, as in nights/2.csv row 1: {old}, which would be {new} now",
    ]
    assert done.to_json()["came_again"] == {
        "events": 5,
        "changed": 0,
        "example": {"file": "nights/2.csv", "row": 1, "old_id": old, "new_id": new},
    }
    nights.bring(*rows(3, 8))
    third = nights.run()
    assert (third.books.delivered, third.books.duplicate, third.came_again.events) == (1, 5, 3)
    assert nights.run().to_json()["came_again"]["events"] == 0


def test_a_corrected_row_of_an_older_mapping_is_told_and_never_becomes_a_second_event(nights: Nights) -> None:
    nights.write_job('on_correction = "send"')
    nights.bring(*rows(1, 3))
    nights.run()
    nights.write_job('on_correction = "send"', id_spec=OTHER_KEY)
    nights.bring(row_of(1), row_of(2, count=9), row_of(4))
    done = nights.run(accept_new_mapping=True)
    assert (done.sent_now, done.books.duplicate, done.came_again.changed) == (1, 2, 1)
    assert done.notes[-1] == (
        "1 of them came with another content; it isn't sent, because their ids are of the older mapping"
    )
    assert done.corrections.found == 0
    assert len(nights.ids()) == 4
    nights.bring(row_of(4, count=7))
    assert nights.run().corrections.sent == 1, "under its own id, a correction goes"


def test_a_row_that_comes_again_as_it_was_is_no_correction_where_the_mapping_gives_it_another_content(
    nights: Nights,
) -> None:
    nights.write_job('on_correction = "reject"')
    nights.bring(*rows(1, 3))
    nights.run()
    job = nights.write_job('on_correction = "reject"')
    job.write_text(job.read_text(encoding="utf-8").replace('cast = "int"', 'cast = "string"'))
    nights.bring(row_of(1), row_of(2, count=9))
    done = nights.run(accept_new_mapping=True)
    assert (done.exit_code, done.rejects, done.books.duplicate) == (3, {"conflict": 1}, 1)
    assert done.came_again.events == 0


def test_of_a_file_that_is_gone_it_is_told_before_that_its_rows_would_go_as_new(nights: Nights) -> None:
    first, second = (nights.folder / "nights" / name for name in ("1.csv", "2.csv"))
    nights.write_job('on_change = "ignore"')
    nights.bring(*rows(1, 5))
    nights.run()
    nights.bring(*rows(11, 13))
    nights.run()
    first.unlink()
    write_rows(second, rows(21, 22))
    nights.write_job('on_change = "ignore"', id_spec=OTHER_KEY)
    refused = nights.run()
    untold = [
        "Which events would differ can't be told: the file that was delivered is gone or changed - nights/1.csv",
        "Rows of load 1 and 1 more that come again would go as new events, beside the 8 that were delivered",
    ]
    assert refused.message.splitlines()[1:] == untold
    said: list[str] = []
    nights.run(accept_new_mapping=True, say=said.append)
    assert said == [f"docs: {line}" for line in untold]


def test_a_second_change_of_the_mapping_knows_the_rows_of_both_before_it(nights: Nights) -> None:
    nights.write_job()
    nights.bring(*rows(1, 3))
    nights.run()
    nights.write_job(id_spec=OTHER_KEY)
    nights.bring(*rows(4, 5))
    nights.run(accept_new_mapping=True)
    nights.write_job(id_spec='{ duplicates = "collapse" }')
    nights.bring(*rows(1, 6))
    done = nights.run(accept_new_mapping=True)
    assert (done.sent_now, done.came_again.events) == (1, 5)
    nights.write_job()
    nights.bring(*rows(1, 7))
    back = nights.run(accept_new_mapping=True)
    assert (back.sent_now, back.books.duplicate, back.came_again.events) == (1, 6, 3)
    for load in (nights.place.folder / "loads").iterdir():
        assert len(list(load.glob("renamed-*"))) <= 1, "what was kept for the mapping between is gone"


def test_numbered_repeats_are_compared_by_the_ids_that_they_went_out_with(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    numbered = '{ duplicates = "number" }'
    job = write_job(tmp_path, [row_of(1), row_of(1), row_of(2)], id_spec=numbered)
    assert run_here(job, sandbox).books.delivered == 3
    write_job(
        tmp_path,
        [row_of(1), row_of(1), row_of(2)],
        id_spec=numbered,
        more=', zoom = "search_result_clicked"',
    )
    again = run_here(job, sandbox)
    assert (again.exit_code, again.message) == (0, "")


def test_kept_ids_that_were_damaged_are_refused_and_nothing_is_sent(nights: Nights) -> None:
    nights.write_job()
    nights.bring(*rows(1, 5))
    nights.run()
    nights.write_job(id_spec=OTHER_KEY)
    nights.run(accept_new_mapping=True)
    [kept] = (nights.place.folder / "loads").rglob("renamed-*")
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    nights.bring(*rows(1, 7))
    said = call("run", "--sandbox", "--quiet", nights.job)
    assert said.code == 7
    assert f"Expected the staged part as it was written, found it changed - {kept}" in said.err


def test_pending_rows_of_an_open_load_know_what_an_older_load_delivered(nights: Nights) -> None:
    nights.write_job()
    nights.bring(*rows(1, 5))
    nights.run()
    nights.bring(*rows(4, 9))
    assert nights.run(limit=2).books.pending == 2
    nights.write_job(id_spec=OTHER_KEY)
    refused = nights.run()
    assert (
        "7 events were delivered under the old mapping and can't be recalled; 2 would go" in refused.message
    )
    done = nights.run(accept_new_mapping=True)
    assert (done.sent_now, len(nights.ids())) == (2, 9)
