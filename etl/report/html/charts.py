"""Draws the report's charts as inline SVG. Values in, SVG text out; matplotlib draws, the page's style sheet colours.

Every colour drawn is a placeholder that becomes a CSS variable, so that one drawing suits light and dark.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from etl.plain import plain_html, plain_line, shorten

__all__ = ["SERIES", "draw_bars", "draw_books", "draw_mapping", "draw_stacks", "draw_timeline", "draw_week"]

SERIES: Final = tuple(f"#1000a{number}" for number in range(8))
_INK, _FAINT = "#100001", "#100002"
_VARIABLES: Final = {
    _INK: "--ink",
    _FAINT: "--faint",
    **{colour: f"--c{number}" for number, colour in enumerate(SERIES)},
}
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": _INK,
    "ytick.color": _INK,
}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def draw_books(parts: Sequence[tuple[str, int, int]]) -> str:
    """Return one bar of all rows read; each part has a name, a count and the number of its colour."""

    def draw(figure: Figure, tips: _Tips) -> None:
        axes = figure.add_subplot()
        left = 0
        for name, count, colour in parts:
            tips.on(axes.barh(0, count, left=left, color=SERIES[colour], height=0.8), [f"{name} {count:,}"])
            left += count
        axes.set_axis_off()
        axes.margins(0)

    return _render(draw, 9, 0.5, "books")


def draw_stacks(spans: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Return stacked bars of events by time span; each series has a name and a count for each span."""

    def draw(figure: Figure, tips: _Tips) -> None:
        axes = figure.add_subplot()
        bottom = [0] * len(spans)
        for number, (name, counts) in enumerate(series):
            colour = SERIES[number % len(SERIES)]
            bars = axes.bar(range(len(spans)), counts, bottom=bottom, color=colour, width=0.9)
            tips.on(bars, [f"{span}: {name} {count:,}" for span, count in zip(spans, counts, strict=True)])
            bottom = [low + count for low, count in zip(bottom, counts, strict=True)]
        step = max(1, -(-len(spans) // 10))
        axes.set_xticks(range(0, len(spans), step), [spans[place] for place in range(0, len(spans), step)])
        axes.grid(visible=False, axis="x")
        _count_axis(axes.yaxis)

    return _render(draw, 9, 3, "stacks")


def draw_week(hours: Sequence[int]) -> str:
    """Return the hours of a week as squares, the darker the more events; 168 counts, Monday 0:00 first."""

    def draw(figure: Figure, tips: _Tips) -> None:
        axes = figure.add_subplot()
        most = max(hours) or 1
        for place, count in enumerate(hours):
            square = Rectangle(
                (place % 24, place // 24), 0.94, 0.9, facecolor=SERIES[0], alpha=0.06 + 0.94 * count / most
            )
            axes.add_patch(square)
            tips.on([square], [f"{_DAYS[place // 24]} {place % 24}:00, {count:,}"])
        axes.set_xlim(0, 24)
        axes.set_ylim(7, 0)
        axes.set_xticks([hour + 0.5 for hour in range(0, 24, 3)], [f"{hour}:00" for hour in range(0, 24, 3)])
        axes.set_yticks([day + 0.5 for day in range(7)], _DAYS)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return _render(draw, 9, 2.4, "week")


def draw_bars(bars: Sequence[tuple[str, int]], *, colour: int) -> str:
    """Return a horizontal bar for each name and count, the first on top."""

    def draw(figure: Figure, tips: _Tips) -> None:
        axes = figure.add_subplot()
        drawn = axes.barh(range(len(bars)), [count for _, count in bars], color=SERIES[colour], height=0.7)
        tips.on(drawn, [f"{name} {count:,}" for name, count in bars])
        axes.set_yticks(range(len(bars)), [plain_line(name) for name, _ in bars])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        for place, (_, count) in enumerate(bars):
            axes.annotate(
                f"{count:,}", (count, place), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.margins(x=0.12)
        _count_axis(axes.xaxis)

    return _render(draw, 9, 0.6 + 0.32 * len(bars), f"bars{colour}")


def draw_mapping(columns: Sequence[str], origins: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return the columns on the left, the fields on the right, and a band for each way between them."""
    used = {column for _, names in origins for column in names}
    places = {column: place for place, column in enumerate(columns)}
    rows = max(len(columns), len(origins))

    def draw(figure: Figure, _: _Tips) -> None:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(rows, -0.5)
        for column, place in places.items():
            axes.text(0.36, place, _cut(column), ha="right", va="center", alpha=1 if column in used else 0.45)
        for place, (field, names) in enumerate(origins):
            axes.text(0.64, place, _cut(field) + ("" if names else "  (constant)"), ha="left", va="center")
            for name in names:
                if (start := places.get(name, places.get(name.partition(".")[0]))) is not None:
                    colour = SERIES[start % len(SERIES)]
                    points = [(0.37, start), (0.5, start), (0.5, place), (0.63, place)]
                    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
                    axes.add_patch(
                        PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=2.2, alpha=0.75)
                    )

    return _render(draw, 9, 0.4 + 0.26 * rows, "mapping")


def draw_timeline(seconds: Sequence[float], panels: Sequence[tuple[str, Sequence[Sequence[float]]]]) -> str:
    """Return one panel below another over the same seconds; each has a label and its lines."""

    def draw(figure: Figure, _: _Tips) -> None:
        first = None
        for number, (label, lines) in enumerate(panels):
            axes = figure.add_subplot(len(panels), 1, number + 1, sharex=first)
            first = first or axes
            for place, line in enumerate(lines):
                axes.plot(
                    seconds,
                    line,
                    color=SERIES[place],
                    linewidth=1.6,
                    drawstyle="steps-post" if len(seconds) > 1 else "default",
                    marker="o" if len(seconds) == 1 else None,
                )
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
            axes.tick_params(labelbottom=number == len(panels) - 1)
        if first is not None:
            figure.axes[-1].set_xlabel("seconds since sending began")

    return _render(draw, 9, 1.6 * len(panels) + 0.4, "timeline")


class _Tips:
    """What a bar says when it is pointed at: its group in the SVG gets a title, which browsers show by themselves."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on(self, drawn: Iterable[Artist], texts: Iterable[str]) -> None:
        """Say `texts` of what was drawn, one each."""
        for artist, text in zip(drawn, texts, strict=True):
            artist.set_gid(f"tip{len(self.texts)}")
            self.texts.append(text)

    def put_into(self, svg: str) -> str:
        """Return the SVG with a title in each group that has one."""
        return re.sub(
            r'(<g id="tip(\d+)">)',
            lambda match: f"{match[1]}<title>{plain_html(self.texts[int(match[2])])}</title>",
            svg,
        )


def _render(draw: Callable[[Figure, _Tips], None], width: float, height: float, salt: str) -> str:
    """Draw a figure of `width` by `height` inches and return it as an SVG element that scales with the page."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # letters that the measuring font lacks: the reader's browser has them
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        tips = _Tips()
        draw(figure, tips)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = tips.put_into(out.getvalue())
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{salt}-', svg)
    svg = re.sub(r'(xlink:href="|url\()#', rf"\g<1>#{salt}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _count_axis(axis: Any) -> None:
    axis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _cut(text: str) -> str:
    return shorten(plain_line(text), 34)
