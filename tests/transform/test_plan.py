import json

import polars as pl
import pytest

from etl.errors import JobError
from etl.event import MAX_BODY_BYTES
from tests.transform.mapping import AT, EVENT, codes_of, job_of, map_rows, numbered, plan_of, reasons_of


def test_a_row_that_strict_sql_cannot_compute_is_a_reject_alone() -> None:
    cells = [str(n) for n in range(1000)]
    cells[17] = cells[800] = "x"
    done = map_rows({"c": cells}, after='[event.properties]\np = { sql = "CAST(c AS BIGINT)" }')
    assert codes_of(done) == {18: "unparsable_value", 801: "unparsable_value"}
    assert done.events["row"].to_list() == [row for row in range(1, 1001) if row not in (18, 801)]
    assert json.loads(done.rejects["source"][0]) == {"c": "x", "at": AT}


def test_a_filter_that_cannot_be_computed_for_a_row_rejects_it_and_skips_the_others() -> None:
    job = '[filter]\nsql = "CAST(c AS BIGINT) > 1"'
    done = map_rows({"c": ["1", "x", "2"]}, before=job)
    assert (done.skipped, codes_of(done), done.events["row"].to_list()) == (1, {2: "unparsable_value"}, [3])


def test_a_filter_that_is_null_skips_the_row() -> None:
    done = map_rows({"c": ["a", None, "b"]}, before="[filter]\nsql = \"c <> 'b'\"")
    assert (done.skipped, done.events["row"].to_list()) == (2, [1])


def test_a_filter_must_be_true_or_false() -> None:
    with pytest.raises(JobError, match="true or false, found Int64"):
        map_rows({"c": [1]}, before='[filter]\nsql = "c"')


def test_rows_whose_every_sql_fails_leave_no_events() -> None:
    done = map_rows({"c": ["x", "y"]}, after='[event.properties]\np = { sql = "CAST(c AS BIGINT)" }')
    assert (done.events.height, len(codes_of(done))) == (0, 2)


def test_a_body_beyond_the_destinations_limit_is_a_reject() -> None:
    fitting = (
        MAX_BODY_BYTES
        - len(map_rows({"c": ["x"]}, after='[event.properties]\np = "c"').events["body"][0])
        + 1
    )
    done = map_rows({"c": ["x" * fitting, "x" * (fitting + 1)]}, after='[event.properties]\np = "c"')
    assert reasons_of(done) == [(2, "body_too_large", "expected at most 2,000,000 bytes, found 2000001")]
    assert done.events["body"].str.len_bytes().to_list() == [MAX_BODY_BYTES]


def test_what_a_row_becomes_does_not_depend_on_its_batch() -> None:
    cells = ["1", None, "x", "9007199254740993", " 5", "1.5", ""]
    times = [
        AT,
        "2024-01-31 09:30:00+02",
        "nope",
        None,
        "20240131T0930Z",
        "2024-01-31T09:30:00.5Z",
        "1700000000",
    ]
    job = job_of(EVENT, after='[event.properties]\np = { column = "c", cast = "int" }\nq = "c"')
    frame = numbered(pl.DataFrame({"c": cells, "at": times}))
    plan = plan_of(job, frame)
    whole = plan.apply(frame)
    apart = [plan.apply(frame[row : row + 1]) for row in range(len(cells))]
    assert pl.concat([done.events for done in apart]).equals(whole.events)
    assert pl.concat([done.rejects for done in apart]).equals(whole.rejects)
    assert whole.events.height
    assert whole.rejects.height


def test_an_empty_frame_is_no_events_and_no_rejects_of_the_same_columns() -> None:
    frame = numbered(pl.DataFrame({"c": ["x"], "at": [AT]}))
    plan = plan_of(job_of(), frame)
    assert plan.apply(frame.clear()).events.schema == plan.apply(frame).events.schema


def test_the_original_columns_are_left_out_of_events_where_nobody_needs_them_and_stay_in_rejects() -> None:
    frame = numbered(pl.DataFrame({"c": ["x", "y"], "at": [AT, None]}))
    full, light = (
        plan_of(job_of(), frame).apply(frame),
        plan_of(job_of(), frame, with_source=False).apply(frame),
    )
    assert light.events.equals(full.events.drop("source"))
    assert light.rejects.equals(full.rejects)


def test_the_original_row_is_kept_as_json_whatever_its_names_and_types() -> None:
    columns = {'a"b': ['é"'], "n": [None], "l": [[b"\xff"]], "d": [5], "": ["empty"]}
    source = json.loads(map_rows(columns).events["source"][0])
    assert source == {'a"b': 'é"', "n": None, "l": ["/w=="], "d": 5, "": "empty", "at": AT}


def test_what_is_kept_of_a_row_has_the_source_s_own_id() -> None:
    done = map_rows({"id": ["7"], "body": ["b"], "at": [AT]})
    assert json.loads(done.events["source"][0]) == {"id": "7", "body": "b", "at": AT}
    assert done.events["id"][0] != "7"
