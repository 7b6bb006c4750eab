"""What is printed fits its place: colour on a terminal, none in a pipe."""

import io
import os
import pty

import pytest
from rich.console import Console

from etl.report.console import open_console
from etl.report.validation import format_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (584_900, "584.9 kB"),
        (27_100_000, "27.1 MB"),
        (5e12, "5,000.0 GB"),
    ],
)
def test_sizes_read_as_a_person_says_them(count: float | int, text: str) -> None:
    assert format_bytes(count) == text


def test_a_pipe_gets_no_colour_codes_and_no_spaces_at_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    with open_console(out) as console:
        console.print("[red]red[/]" + " " * 200 + "end")
        assert console.width == 120
    assert "\x1b" not in out.getvalue()
    assert all(line == line.rstrip() for line in out.getvalue().splitlines())


def test_the_width_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with open_console(io.StringIO()) as console:
        assert console.width == 60


@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("NO_COLOR", False)])
def test_a_terminal_gets_colours_unless_they_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if variable:
        monkeypatch.setenv(variable, "1")
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as out:
        with open_console(out) as console:
            assert isinstance(console, Console)
            console.print("[red]red[/]")
        text = os.read(leader, 200).decode()
    os.close(leader)
    assert ("\x1b[31m" in text) is coloured
