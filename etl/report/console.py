"""Rich's console for text of others: colours are ours alone, and a pipe gets none. `NO_COLOR` is honoured."""

import io
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from etl.plain import plain_line, plain_text

__all__ = ["PlainConsole", "count_rows", "move_up", "open_console", "sound_environ"]

PIPE_COLUMNS: Final = 120
# Narrower than this, a table shows nothing at all.
LEAST_COLUMNS: Final = 20


class PlainConsole(Console):
    """A console that passes on no control character of any text, only its own styles and moves."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, and make each text plain."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain_text(segment.text), segment.style)


def move_up(out: TextIO, rows: int) -> None:
    """Clear the last `rows` rows of the terminal `out`, so that what comes next takes their place."""
    getattr(out, "escapes", out).write(f"\x1b[{rows}A\x1b[J")


def count_rows(lines: Iterable[str]) -> int:
    """Return how many rows of the terminal the lines take: a long one is broken at its edge."""
    width = max(1, shutil.get_terminal_size().columns)
    return sum(max(1, -(-cell_len(plain_line(line)) // width)) for line in lines)


@contextmanager
def open_console(out: TextIO) -> Iterator[Console]:
    """Yield a console for `out`: as wide as the terminal, or as `COLUMNS` says, or 120 columns in a pipe.

    In a pipe there are no colour codes, and no spaces at the ends of lines.
    """
    if out.isatty():
        # The stream of a command lets nothing through that a terminal obeys, but by this way.
        console = PlainConsole(file=getattr(out, "escapes", out), highlight=False, _environ=sound_environ())
        console.width = max(console.width, LEAST_COLUMNS)
        yield console
        return
    text = io.StringIO()
    yield PlainConsole(
        file=text,
        width=_pipe_columns(),
        highlight=False,
        force_terminal=False,
        color_system=None,
        _environ=sound_environ(),
    )
    for line in text.getvalue().removesuffix("\n").split("\n"):
        print(line.rstrip(" "), file=out)


def sound_environ() -> dict[str, str]:
    """Return the environment without sizes that are no numbers, which rich would fail on."""
    sizes = {name: os.environ.get(name, "") for name in ("COLUMNS", "LINES")}
    odd = {name for name, size in sizes.items() if not (size.isascii() and size.isdigit())}
    return {name: value for name, value in os.environ.items() if name not in odd}


def _pipe_columns() -> int:
    said = os.environ.get("COLUMNS", "")
    # A number beyond reason would be padded to.
    return min(max(int(said), LEAST_COLUMNS), 1000) if said.isascii() and said.isdigit() else PIPE_COLUMNS
