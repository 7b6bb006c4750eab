"""What a terminal is asked to do: few moves, and only ours."""

import io
import sys

import pytest

from etl.cli.streams import Streams
from etl.report.console import count_rows, move_up


@pytest.mark.parametrize(
    ("lines", "rows"),
    [([], 0), ([""], 1), (["a" * 20], 1), (["a" * 21], 2), (["語" * 11], 2), (["a", "b" * 41], 4)],
)
def test_a_line_longer_than_the_terminal_takes_several_rows(
    lines: list[str], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert count_rows(lines) == rows


def test_what_was_shown_is_cleared_by_an_escape_sequence_and_not_by_its_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    streams = Streams(prints_only=True)
    move_up(sys.stdout, 3)
    print("\x1b[3A")
    streams.give_back(0)
    assert out.buffer.getvalue() == b"\x1b[3A\x1b[J" + "␛[3A\n".encode()
