from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import polars as pl
import pytest

from etl.sandbox.process import SandboxProcess
from etl.witness.counting import Extent, query_for_count, read_count
from tests.sandbox.client import EVENT, post, query

AT = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)
EXTENT = Extent(("asked", "opened"), AT, AT)


def answer(rows: list[Any], **changes: Any) -> bytes:
    return orjson.dumps({"data": {"result": rows, "total": len(rows), "count": len(rows)} | changes})


def test_the_sandbox_counts_what_is_of_the_types_and_days_and_of_the_ids() -> None:
    days = EXTENT.whole_days()
    with SandboxProcess() as sandbox:
        times = {"a": "2024-01-31T00:00:00Z", "b": "2024-01-31T23:59:59.999999Z", "c": "2024-02-01T00:00:00Z"}
        for event_id, at in times.items():
            post(sandbox.url, EVENT | {"id": event_id, "type": "asked", "createdAt": at})
        post(sandbox.url, EVENT | {"id": "d", "type": "opened", "createdAt": times["a"]})
        post(sandbox.url, EVENT | {"id": "e", "type": "closed", "createdAt": times["a"]})

        def count(extent: Extent, ids: list[str] | None = None) -> int | None:
            return read_count(query(sandbox.url, orjson.loads(query_for_count(extent, ids))).body, extent)

        assert count(days) == 3
        assert count(days, ["a", "c", "e"]) == 1
        assert count(days, ["c"]) == 0
        assert count(EXTENT) == 0


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (answer([]), 0),
        (answer([{"type": "asked", "count": 3}]), 3),
        (answer([{"type": "asked", "count": 3}, {"type": "opened", "count": 2}]), 5),
        (answer([{"type": "asked", "count": 3}], total=2), None),
        (answer([{"type": "asked", "count": 3}], count=2), None),
        (answer([], total=1, pageSize=0), None),
        (answer([{"type": "asked", "count": 3}], total=None), None),
        (answer([{"type": "closed", "count": 3}]), None),
        (answer([{"type": "asked", "count": 3}, {"type": "asked", "count": 2}]), None),
        (answer([{"type": "asked", "count": -1}]), None),
        (answer([{"type": "asked", "count": True}]), None),
        (answer([{"type": "asked", "count": "3"}]), None),
        (answer([{"type": "asked"}]), None),
        (answer([{"type": ["asked"], "count": 3}]), None),
        (answer(["asked"]), None),
        (b'{"data": {"result": 3, "total": 3}}', None),
        (b'{"data": []}', None),
        (b"[]", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_count_is_read_only_where_the_answer_is_whole_and_of_what_was_asked(
    body: bytes, count: int | None
) -> None:
    assert read_count(body, EXTENT) == count


def test_an_extent_spans_all_frames_and_may_be_widened_to_whole_days() -> None:
    def frame(*events: tuple[str, datetime]) -> pl.DataFrame:
        return pl.DataFrame(
            {"type": [event[0] for event in events], "created_at": [event[1] for event in events]},
            schema={"type": pl.String, "created_at": pl.Datetime("us", "UTC")},
        )

    assert Extent.of([frame()]) is None
    later = AT + timedelta(days=2)
    extent = Extent.of([frame(("opened", later)), frame(), frame(("asked", AT), ("asked", AT))])
    assert extent == Extent(("asked", "opened"), AT, later)
    assert extent.whole_days() == Extent(
        ("asked", "opened"),
        datetime(2024, 1, 31, tzinfo=UTC),
        datetime(2024, 2, 2, 23, 59, 59, 999_999, tzinfo=UTC),
    )
