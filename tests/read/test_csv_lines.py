"""Each record is known by the line it starts on, as an editor counts lines, whatever stands before it."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.read.csv.reader import CsvReader
from etl.values.rows import LINE, ROW
from tests.read.sources import dialect, source_at
from tests.read.test_csv_oracle import CHUNKS, folder

RECORDS = st.sampled_from(
    ["1,plain", '2,"in\ntwo lines"', '3,"a ""b""\r\n\r\nc"', "4", "5,too,many", "6,\x00", "", "#note", '7,""']
)
LINE_END = re.compile(r"\r\n|\r|\n")


@given(
    records=st.lists(RECORDS, max_size=30),
    end=st.sampled_from(["\n", "\r\n"]),
    chunk=CHUNKS | st.just(1 << 20),
    comment=st.sampled_from(["", "#"]),
    is_closed=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_the_line_of_a_record_is_that_of_its_first_character(
    records: list[str], end: str, chunk: int, comment: str, *, is_closed: bool
) -> None:
    text = end.join(["n,text", *records]) + (end if is_closed else "")
    with folder() as place:
        source = source_at(place, text.encode())
        reader = CsvReader(source, dialect(comment=comment), chunk_bytes=chunk)
        found: dict[int, int] = {}
        for batch in reader.batches():
            found |= dict(batch.frame.select(ROW, LINE).iter_rows())
            found |= {record.row: record.line or 0 for record in batch.malformed}
    lines, line = [], 2
    for record in records:
        if record and not (comment and record.startswith(comment)):
            lines.append(line)
        line += len(LINE_END.findall(record)) + 1
    assert found == dict(enumerate(lines, start=1))
