"""Access logs: each line is its parts, or a reject with its number."""

from pathlib import Path

import pytest

from etl.read.access_log import AccessLogReader
from tests.read.sources import source_at
from tests.workbench import call

GOOD = b'192.0.2.1 - ada [10/Oct/2000:13:55:36 -0700] "GET /a?q=x%20y HTTP/1.0" 200 2326'
COMBINED = GOOD + b' "http://h/start" "Mozilla/4.08 (\\"x\\")"'
PARTS = ["192.0.2.1", "ada", "10/Oct/2000:13:55:36 -0700", "GET /a?q=x%20y HTTP/1.0", "GET", "/a?q=x%20y", "HTTP/1.0",
    "200", "2326"]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        (GOOD, [None] * 5),
        (COMBINED, ["http://h/start", 'Mozilla/4.08 ("x")', None, None, None]),
        (
            b"docs.example.com:443 " + COMBINED,
            ["http://h/start", 'Mozilla/4.08 ("x")', "docs.example.com:443", None, None],
        ),
        (COMBINED + b" 0.003 -", ["http://h/start", 'Mozilla/4.08 ("x")', None, None, "0.003 -"]),
        (GOOD + b' "-" "-"', [None] * 5),
    ],
)
def test_a_line_is_its_parts(tmp_path: Path, line: bytes, rest: list[str | None]) -> None:
    (batch,) = AccessLogReader(source_at(tmp_path, line + b"\n", "access.log")).batches()
    assert list(batch.frame.row(0)[2:]) == [*PARTS, *rest]
    assert batch.malformed == ()


def test_a_request_that_is_none_keeps_its_text(tmp_path: Path) -> None:
    line = b'192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "\\x16\\x03\\x01" 400 -'
    (batch,) = AccessLogReader(source_at(tmp_path, line, "access.log")).batches()
    row = batch.frame.row(0, named=True)
    assert (row["request"], row["method"], row["target"], row["bytes"]) == (
        "\\x16\\x03\\x01",
        None,
        None,
        None,
    )


def test_a_line_of_another_kind_is_a_reject_with_its_number(tmp_path: Path) -> None:
    data = b"\n".join([GOOD, b"", b"restarted", GOOD.replace(b"ada", b"\xff"), GOOD, b""])
    (batch,) = AccessLogReader(source_at(tmp_path, data, "access.log")).batches()
    assert batch.frame.select("\x1frow", "\x1fline").rows() == [(1, 1), (4, 5)]
    assert [(one.row, one.line, one.code.value) for one in batch.malformed] == [
        (2, 3, "malformed_record"),
        (3, 4, "invalid_utf8"),
    ]


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_lines_are_whole_whatever_the_pieces(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.read.access_log.CHUNK_BYTES", chunk)
    source = source_at(tmp_path, b"\n".join([GOOD, b"", COMBINED, b"x", GOOD]), "access.log")
    batches = list(AccessLogReader(source).batches())
    assert [row for batch in batches for row in batch.frame.select("\x1frow", "\x1fline").rows()] == [
        (1, 1),
        (2, 3),
        (4, 5),
    ]
    assert [(one.row, one.line) for batch in batches for one in batch.malformed] == [(3, 4)]


def test_a_mended_line_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"\n".join([GOOD] * 4 + [GOOD.replace(b'"GET', b"'GET"), b""]))
    said = call("init", path, "-o", tmp_path / "job.toml")
    assert said.code == 0, said.err
    text = (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert 'format = "access_log"' in text
    (tmp_path / "job.toml").write_text(text.replace('"5%"', '"50%"'), encoding="utf-8")
    assert call("run", "--quiet", "--sandbox", tmp_path / "job.toml").code == 3
    said = call("rejects", "--sandbox", "-o", tmp_path / "r.jsonl", tmp_path / "job.toml")
    mended = (tmp_path / "r.jsonl").read_text(encoding="utf-8").replace("'GET", '\\"GET')
    (tmp_path / "r.jsonl").write_text(mended, encoding="utf-8")
    assert call("retry", "--sandbox", "--from", tmp_path / "r.jsonl", tmp_path / "job.toml").code == 0
