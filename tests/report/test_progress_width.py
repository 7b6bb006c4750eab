"""What a person must see of a sending stays on the line, however narrow the terminal is."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.report.progress import SendingView, TerminalProgress, describe_sending

DOWN = SendingView(
    4_012_345, 10_000_000, 12, 3.0, 0, 64, "server not answering; next try in 30 s", flows=False
)
FLOWING = SendingView(4_012_345, 10_000_000, 12, 1_234.0, 17, 64)


def test_while_the_server_is_down_no_time_is_estimated() -> None:
    assert describe_sending(DOWN) == (
        "40%, 4,012,345 of 10,000,000, 3/s, 12 rejected, 0 of 64 in flight (server not answering; next try "
        "in 30 s)"
    ).replace("40%, ", "40% ")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (90, "40% 4,012,345 of 10,000,000, 1,234/s, 1 h 20 min left, 12 rejected, 17 of 64 in flight"),
        (80, "40% 4,012,345 of 10,000,000, 1,234/s, 1 h 20 min left, 12 rejected"),
        (60, "40% 4,012,345 of 10,000,000, 1 h 20 min left, 12 rejected"),
        (40, "40%, 1 h 20 min left, 12 rejected"),
        (20, "40%, 12 rejected"),
    ],
)
def test_the_least_wanted_goes_first(width: int, line: str) -> None:
    assert describe_sending(FLOWING, width) == line


@given(st.integers(0, 200))
def test_cause_and_rejects_always_stay(width: int) -> None:
    line = describe_sending(DOWN, width)
    assert line.startswith("40%")
    assert line.endswith("12 rejected (server not answering; next try in 30 s)") or "flight" in line
    assert "(server not answering; next try in 30 s)" in line


def test_at_80_columns_the_cause_is_on_the_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with TerminalProgress("a-job-with-a-rather-long-name", out) as progress:
        progress.send(DOWN)
    shown = out.getvalue().replace("\r", "\n")
    assert "40%, 12 rejected (server not answering; next try in 30 s)" in shown


class Terminal(io.StringIO):
    """What takes a terminal's bytes, for a reader to look at."""

    def isatty(self) -> bool:
        return True
