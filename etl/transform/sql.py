"""Reads the SQL of a job: one value a row, made of that row's own columns. Opens no file, asks no network. Pure.

Rule: a row gives the same value whenever, and beside whatever rows, it is read: ids are made of it. Two things are
found in the text, because Polars acts on them while it parses: a query is carried out, and the clock becomes a
constant. The rest is asked of Polars itself: `etl.transform.row_alone`.
"""

import re
from collections.abc import Iterator
from typing import Final

import polars as pl

from etl.panics import without_panic_text

__all__ = ["UnusableSql", "parse_sql", "parts_of", "shorten", "show_sql"]

# Polars' planner recurses: beyond a few times this it ends the process, without a word.
MOST_DEPTH: Final = 500
MOST_WORDS: Final = 4_000
_QUOTED: Final = r"'(?:[^']|'')*'" r'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$'
_SILENT: Final = re.compile(rf"(?P<quoted>{_QUOTED})|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d]\w*|[^\w\s,.()']+")
# Where a query can begin inside an expression; Polars would read what it names, also files and addresses.
_QUERY: Final = re.compile(
    r"(?i)\bselect\b(?!\s*(?:[,)]|$))|\bexists\s*(?=\()|(?<=\()\s*with\b(?!\s*[,)])"
    r"|\bin\s*\((?:\s|\()*(?:(?:from|table)\b(?!\s*[,)])|values\s*\()"
)
_CLOCK: Final = re.compile(
    r"(?i)\bnow\s*\(|\b(?:current_timestamp|current_date|current_time|localtime|localtimestamp)\b"
)


class UnusableSql(Exception):  # noqa: N818 - it states a condition, and is explained with its place in the job file
    """What a job's SQL should have been and what was found; `fix` says how to mend it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


def parse_sql(sql: str) -> pl.Expr:
    """Return the expression that the SQL is; raises `UnusableSql`."""
    # What a text, a quoted name or a comment holds says nothing; places stay what they are.
    bare = _SILENT.sub(lambda match: ("'" if match["quoted"] else " ") * len(match[0]), sql)
    if match := _QUERY.search(bare):
        raise UnusableSql(
            f"Expected SQL over its row's own columns, found a query, {_locate(match)}, in {show_sql(sql)}",
            "Leave the query out: SQL of a job sees one row, and reads no other rows, files or addresses",
        )
    if match := _CLOCK.search(bare):
        raise UnusableSql(
            f"Expected SQL that depends on its row alone, found the clock, {_locate(match)}, in {show_sql(sql)}",
            "A row must give the same event whenever it is read: use its columns",
        )
    words = sum(1 for _ in _WORD.finditer(bare))
    if words > MOST_WORDS:
        raise _too_long(f"{words:,} words and signs", sql)
    expr = _ask_engine(sql)
    if expr.meta.has_multiple_outputs():
        raise UnusableSql(
            f"Expected SQL that gives one value a row, found several columns: {show_sql(sql)}",
            "Name one column, or a property for each",
        )
    if _is_deep(expr):
        raise _too_long(f"more than {MOST_DEPTH} steps, one upon the other", sql)
    return expr


def show_sql(sql: str) -> str:
    """Return SQL as a message shows it: on one line, cut where it is long."""
    return f"`{shorten(' '.join(sql.split()))}`"


def _ask_engine(sql: str) -> pl.Expr:
    try:
        with without_panic_text():
            return pl.sql_expr(sql)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, RecursionError, ValueError) as error:
        reason = " ".join((str(error).splitlines() or ["not understood"])[0].split())
        # It quotes the whole expression again.
        reason = reason if sql not in reason else "not understood"
        raise UnusableSql(
            f"Expected a Polars SQL expression, found {show_sql(sql)}: {shorten(reason)}",
            "Mend the expression; it is Polars SQL, one value a row",
        ) from None


def _is_deep(expr: pl.Expr) -> bool:
    waiting = [(expr, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MOST_DEPTH:
            return True
        waiting += [(inner, depth + 1) for inner in parts_of(part)]
    return False


def parts_of(expr: pl.Expr) -> Iterator[pl.Expr]:
    """Yield the expressions that `expr` is made of, one step down."""
    try:
        yield from expr.meta.pop()
    except pl.exceptions.PolarsError:  # a part that can't be told without the columns' types has no deep ones
        return


def _too_long(found: str, sql: str) -> UnusableSql:
    return UnusableSql(
        f"Expected SQL of at most {MOST_WORDS:,} words and signs and {MOST_DEPTH} steps, found {found}: "
        f"{show_sql(sql)}",
        "Take `map` for a long CASE, `a IN ('x', 'y')` for many comparisons, or a transform: [source] transform",
    )


def _locate(match: re.Match[str]) -> str:
    found = match[0].strip()
    return f"`{' '.join(found.split())}` at character {match.start() + match[0].index(found) + 1}"


def shorten(text: str) -> str:
    """Return the text, cut where it is longer than a message may show."""
    return text if len(text) <= 200 else text[:199] + "…"
