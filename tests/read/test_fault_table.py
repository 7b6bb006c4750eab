"""Each fault in each format: one reject with its code and row number, and the rows around it intact."""

from pathlib import Path
from typing import NamedTuple

import pytest

from etl.values.rows import MOST_RAW_CHARS
from tests.read.sources import dialect, gather, read_csv, read_ndjson, source_at


class Fault(NamedTuple):
    name: str
    record: bytes
    code: str
    reason: str
    is_last: bool = False


# `,` stands for the separator.
TEXT_FAULTS = [
    Fault("too few fields", b"x,y", "malformed_record", "expected 3 fields, found 2"),
    Fault("too many fields", b"x,y,z,extra", "malformed_record", "expected 3 fields, found 4"),
    Fault("unclosed quote", b'x,"y,z', "malformed_record", "never closed"),
    Fault("unclosed quote in the first field", b'"x,y,z', "malformed_record", "never closed"),
    Fault("invalid byte", b"x,y\xff,z", "invalid_utf8", "byte 0xff at offset 3"),
    Fault("invalid byte in quotes", b'x,"y\xc3",z', "invalid_utf8", "byte 0xc3 at offset 4"),
    Fault("lone surrogate", b"x,\xed\xa0\x80,z", "invalid_utf8", "byte 0xed"),
    Fault("NUL", b"x,y\0,z", "malformed_record", "NUL"),
    Fault("stray quote", b'x,y"y,z', "malformed_record", "a quote stands inside a field"),
    Fault("text after a closing quote", b'x,"y"y,z', "malformed_record", "a quote stands inside a field"),
    Fault("cut last line", b"x,y", "malformed_record", "expected 3 fields, found 2", is_last=True),
    Fault("cut in a quoted field", b'x,"y', "malformed_record", "never closed", is_last=True),
    Fault("cut in a character", b"x,y,z\xe2\x82", "invalid_utf8", "byte 0xe2", is_last=True),
]
JSON_FAULTS = [
    Fault("not JSON", b"{'a': 1}", "malformed_record", "not JSON"),
    Fault("two objects", b'{"a":"1"}{"a":"2"}', "malformed_record", "not JSON"),
    Fault("not an object", b"[1, 2]", "malformed_record", "expected a JSON object, found a list"),
    Fault("a number", b"12", "malformed_record", "expected a JSON object, found a number"),
    Fault("null", b"null", "malformed_record", "expected a JSON object, found null"),
    Fault("NaN", b'{"a": NaN}', "malformed_record", "not JSON"),
    Fault("invalid byte", b'{"a": "\xff"}', "invalid_utf8", "byte 0xff at offset 7"),
    Fault("NUL", b'{"a": "\0"}', "malformed_record", "not JSON"),
    Fault("lone surrogate", b'{"a": "\\ud800"}', "malformed_record", "not JSON"),
    Fault("a thousand deep", b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", "malformed_record", "levels deep"),
    Fault(
        "a thousand deep with long numbers",
        b'{"a":' + b'{"b":' * 1000 + b"12345678901234567890" + b"}" * 1001,
        "malformed_record",
        "levels deep",
    ),
    Fault("a number of many digits", b'{"a":' + b"9" * 5000 + b"}", "malformed_record", "infinity"),
    Fault("a key of ours", b'{"\\u001frow": 1}', "malformed_record", "U+001F"),
    Fault("cut last line", b'{"a": "x', "malformed_record", "not JSON", is_last=True),
    Fault("cut in a character", b'{"a": "\xe2\x82', "invalid_utf8", "byte 0xe2", is_last=True),
]
GOOD = [b"a1,b1,c1", b'"a,2","b\n""2""",c2', b"a3,b3,c3", b"a4,\xe2\x82\xac,c4"]
CHUNKS = [7, 4 << 20]


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("format_", "separator"), [("csv", b","), ("tsv", b"\t"), ("csv", b";")])
@pytest.mark.parametrize("fault", TEXT_FAULTS, ids=lambda fault: fault.name)
def test_one_reject_in_delimited_text(
    tmp_path: Path, fault: Fault, format_: str, separator: bytes, end: bytes, chunk_bytes: int
) -> None:
    before, after = GOOD[:2], () if fault.is_last else GOOD[2:]
    data = end.join([b"h1,h2,h3", *before, fault.record, *after]) + (b"" if fault.is_last else end)
    data = data.replace(b",", separator)
    source = source_at(tmp_path, data, f"rows.{format_}")
    rows, malformed = read_csv(source, dialect(separator=separator.decode()), chunk_bytes)
    comma = separator.decode()
    good = [
        (1, "a1", "b1", "c1"),
        (2, f"a{comma}2", 'b\n"2"', "c2"),
        (4, "a3", "b3", "c3"),
        (5, "a4", "€", "c4"),
    ]
    assert rows == good[: 2 + len(after)]
    (record,) = malformed
    assert (record.row, record.line, record.code) == (3, 5, fault.code)
    assert fault.reason in record.reason
    assert record.raw == fault.record.replace(b",", separator).decode("utf-8", "replace")


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("fault", JSON_FAULTS, ids=lambda fault: fault.name)
def test_one_reject_in_ndjson(tmp_path: Path, fault: Fault, end: bytes, chunk_bytes: int) -> None:
    after = () if fault.is_last else (b'{"a":3}',)
    data = end.join([b'{"a":"1"}', b"", b'{"a":"2","b":null}', fault.record, *after])
    rows, malformed = read_ndjson(source_at(tmp_path, data, "rows.ndjson"), chunk_bytes)
    names = 2
    assert [row[:names] for row in rows] == [(1, "1"), (2, "2"), (4, "3")][: 2 + len(after)]
    (record,) = malformed
    assert (record.row, record.line, record.code) == (3, 4, fault.code)
    assert fault.reason in record.reason


@pytest.mark.parametrize("fault", TEXT_FAULTS, ids=lambda fault: fault.name)
def test_faults_side_by_side_are_a_reject_each(tmp_path: Path, fault: Fault) -> None:
    lines = [b"h1,h2,h3", b"a,b,c", *[fault.record] * 3, b"d,e,f"]
    rows, malformed = read_csv(source_at(tmp_path, b"\n".join(lines)), dialect())
    if (
        fault.reason == "never closed"
    ):  # two such quotes may close one another, and what follows gives them away
        assert malformed[0].row == 2
        assert len(rows) + len(malformed) == 5
    else:
        assert [record.row for record in malformed] == [2, 3, 4]
        assert rows == [(1, "a", "b", "c"), (5, "d", "e", "f")]


def test_the_raw_text_of_a_reject_is_bounded(tmp_path: Path) -> None:
    rows, malformed = read_csv(source_at(tmp_path, b"a,b\n" + b"x" * 5_000_000 + b"\n1,2\n"), dialect())
    assert rows == [(2, "1", "2")]
    assert len(malformed[0].raw) == MOST_RAW_CHARS


def test_the_rest_of_a_file_survives_a_quote_that_nothing_closes(tmp_path: Path) -> None:
    lines = [b"%d,text %d" % (number, number) for number in range(50_000)]
    lines[10] = b'10,"text 10'
    rows, malformed = read_csv(source_at(tmp_path, b"a,b\n" + b"\n".join(lines)), dialect(), 65_536)
    assert [record.row for record in malformed] == [11]
    assert len(rows) == 49_999
    assert rows[-1] == (50_000, "49999", "text 49999")


def test_blank_lines_and_comments_are_no_records(tmp_path: Path) -> None:
    data = b"#made by x\n\na,b\n\n1,2\n\r\n# 3,4\n5,6\n#\n"
    rows, malformed = read_csv(source_at(tmp_path, data), dialect(comment="#"))
    assert (rows, malformed) == ([(1, "1", "2"), (2, "5", "6")], [])


def test_a_file_of_nothing_but_faults_is_read_in_batches(tmp_path: Path) -> None:
    from etl.read.csv.reader import CsvReader

    source = source_at(tmp_path, b"a,b,c\n" + b"x\n" * 200_000)
    batches = list(CsvReader(source, dialect()).batches())
    assert max(batch.records for batch in batches) <= 65_536
    assert gather(batches)[1][-1].row == 200_000
