"""A preview is read at any width: side by side where there is room, one below the other where words would break."""

import io

import pytest
from rich.console import Console

from etl.report.preview import Preview, PreviewedRow, print_preview

CELLS = {"event_id": "evt_1890e6e566f6cf273c8d", "action": "copy", "note": "a long text " * 12}
EVENT = {"id": "evt_1890e6e566f6cf273c8d", "type": "assistant_message_copied", "properties": {"note": "n"}}
ORIGINS: dict[str, tuple[str, ...]] = {"id": ("event_id",), "type": ("action",), "properties.note": ("note",)}


def show(width: int, *, is_event: bool = True) -> list[str]:
    row = PreviewedRow("log.csv", 3, "event", CELLS, EVENT, None, "", "")
    if not is_event:
        row = PreviewedRow(
            "log.csv", 3, "rejected", CELLS, None, "unmapped_value", "expected one of q", "type"
        )
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    print_preview(Preview("docs", (row,), tuple(CELLS), ORIGINS, (), 3), console)
    return out.getvalue().splitlines()


def test_with_room_row_and_event_are_side_by_side() -> None:
    lines = show(120)
    assert [line.split()[0::2] for line in lines[1:3]] == [
        ["column", "field"],
        ["event_id", "id", "←"],
    ]


@pytest.mark.parametrize("width", [60, 80, 99])
def test_without_it_they_are_one_below_the_other_and_no_word_breaks(width: int) -> None:
    lines = show(width)
    assert max(map(len, lines)) <= width
    assert (lines[1], "becomes" in lines) == ("the row", True)
    text = "\n".join(lines)
    for whole in ("evt_1890e6e566f6cf273c8d", "assistant_message_copied", "← action", "properties.note"):
        assert whole in text


def test_of_a_row_without_an_event_it_says_why() -> None:
    lines = show(80, is_event=False)
    assert "becomes" not in lines
    assert lines[lines.index("why") + 1].split() == [
        "type",
        "expected",
        "one",
        "of",
        "q",
    ]
