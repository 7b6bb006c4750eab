import csv
import io
import json
from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.rejects.report import REPORT_SCHEMA, write_csv, write_jsonl, write_parquet
from etl.rejects.spreadsheet import cell_text, defuse, name_original, name_own, original_name, rearm

STARTS = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "="])
CELLS = st.builds(
    str.__add__, STARTS, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
)
NAMES = st.one_of(
    CELLS, st.sampled_from(["_load", "__load", "_file", "file", "row", "=cmd", "_A", "_code"])
).filter(bool)


def frame_of(*sources: Mapping[str, object]) -> pl.DataFrame:
    rows = [
        {"load": 1, "file": "=a.csv", "row": at, "code": "missing_required", "source": json.dumps(source)}
        for at, source in enumerate(sources, start=1)
    ]
    frame = pl.DataFrame(rows)
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in REPORT_SCHEMA.items()
    )


@given(CELLS)
def test_a_defused_cell_is_text_to_a_spreadsheet_and_gives_back_the_very_text(text: str) -> None:
    cell = defuse(text)
    assert cell[:1] not in tuple("=+-@\t\r\n")
    assert rearm(cell) == text


@given(NAMES)
def test_an_original_name_is_told_from_the_reports_own(name: str) -> None:
    header = name_original(name)
    assert header not in {name_own(own) for own in REPORT_SCHEMA}
    assert header[:1] not in tuple("=+-@\t\r\n")
    assert original_name(header) == name


@pytest.mark.parametrize("own", [name for name in REPORT_SCHEMA if name != "source"])
def test_a_column_of_the_reports_own_is_no_original_one(own: str) -> None:
    assert original_name(name_own(own)) is None


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "_load", "=b"]), CELLS, min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_csv_holds_every_original_cell_and_gives_it_back(sources: list[dict[str, str]]) -> None:
    out = io.BytesIO()
    columns = list(sources[0])
    assert write_csv([frame_of(*sources)], columns, out) == len(sources)
    data = out.getvalue()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *records = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert not [cell for record in records for cell in record if cell[:1] in tuple("=+-@\t\r\n")]
    read = [
        {
            name: rearm(cell)
            for head, cell in zip(header, record, strict=True)
            if (name := original_name(head)) is not None
        }
        for record in records
    ]
    assert read == sources


@given(
    st.lists(
        st.dictionaries(CELLS, st.one_of(CELLS, st.none(), st.integers(), st.booleans()), max_size=3),
        max_size=5,
    )
)
def test_jsonl_is_lossless(sources: list[dict[str, object]]) -> None:
    out = io.BytesIO()
    write_jsonl([frame_of(*sources)] if sources else [], out)
    lines = [json.loads(line) for line in out.getvalue().decode().split("\n") if line]
    assert [line["source"] for line in lines] == sources
    assert all(set(line) == set(REPORT_SCHEMA) for line in lines)


def test_a_null_is_written_as_the_sources_own_marker() -> None:
    out = io.BytesIO()
    write_csv([frame_of({"a": None, "b": ""})], ["a", "b"], out, null_marker="NULL")
    assert out.getvalue().decode().splitlines()[1].endswith(',NULL,""')
    assert cell_text([1, "é"], "") == '[1,"é"]'


def test_no_rejects_are_a_header_alone() -> None:
    out = io.BytesIO()
    assert write_csv([], [], out) == 0
    assert out.getvalue().decode("utf-8-sig").splitlines() == [
        ",".join(f"_{name}" for name in REPORT_SCHEMA if name != "source")
    ]


def test_parquet_keeps_the_types() -> None:
    out = io.BytesIO()
    assert write_parquet([frame_of({"a": 1}), frame_of({"a": 2})], out) == 2
    assert pl.read_parquet(io.BytesIO(out.getvalue())).schema == pl.Schema(REPORT_SCHEMA)
