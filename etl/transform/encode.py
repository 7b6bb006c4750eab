"""Writes the members of an event as one JSON object: expressions in, one String expression out. Pure.

Compact separators, UTF-8 not ASCII-escaped, a key whose value is null left out. Runs of fields without nulls are
encoded by Polars' own JSON writer in one go, which is several times as fast as joining pieces; so what is built
depends on the batch, what comes out doesn't.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from etl.event import MOST_EXACT_INTEGER
from etl.transform.values import encode_value, quote

__all__ = ["Member", "encode_object", "encode_run"]


@dataclass(frozen=True, slots=True)
class Member:
    """One key of a JSON object: the frame's column with its value, or the members of an object inside it.

    `is_json`: the column is text that is JSON already. Otherwise it is of a type Polars' JSON writer knows:
    String, an integer, a float, Boolean.
    """

    key: str
    column: str = ""
    is_json: bool = False
    members: tuple["Member", ...] = ()


def encode_object(frame: pl.DataFrame, members: Sequence[Member]) -> pl.Expr:
    """Return the JSON object of `members` as a String expression over `frame`; null where all are null."""
    pieces: list[pl.Expr] = []
    run: list[pl.Expr] = []
    is_never_empty = False
    for member in members:
        if _is_whole(frame, member):
            run.append(_as_struct(member))
            is_never_empty = True
            continue
        pieces += encode_run(run)
        pieces.append(_encode_member(frame, member))
        run = []
    if run and not pieces:
        return pl.struct(run).struct.json_encode()
    pieces += encode_run(run)
    if not pieces:
        return pl.lit(None, pl.String)
    inside = pieces[0] if len(pieces) == 1 else pl.concat_str(pieces, separator=",", ignore_nulls=True)
    whole = pl.concat_str(pl.lit("{"), inside, pl.lit("}"))
    return whole if is_never_empty else pl.when(inside != "").then(whole)


def encode_run(run: Sequence[pl.Expr]) -> list[pl.Expr]:
    """Return the members that Polars' writer makes of the expressions, without braces: one expression, or none."""
    if not run:
        return []
    return [pl.struct(run).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")]


def _is_whole(frame: pl.DataFrame, member: Member) -> bool:
    """Whether every row has the member, as a value the JSON writer gets right."""
    if member.members:
        return all(_is_whole(frame, inner) for inner in member.members)
    column = frame[member.column]
    return not member.is_json and column.null_count() == 0 and _is_exact(column)


def _is_exact(column: pl.Series) -> bool:
    if column.dtype not in (pl.Int64, pl.UInt64, pl.Int128, pl.UInt128) or column.len() == 0:
        return True
    least, most = column.min(), column.max()
    return least is None or (int(least) >= -MOST_EXACT_INTEGER and int(most) <= MOST_EXACT_INTEGER)  # type: ignore[arg-type]


def _as_struct(member: Member) -> pl.Expr:
    if member.members:
        return pl.struct([_as_struct(inner) for inner in member.members]).alias(member.key)
    return pl.col(member.column).alias(member.key)


def _encode_member(frame: pl.DataFrame, member: Member) -> pl.Expr:
    key = pl.lit(quote(member.key) + ":")
    if member.members:
        return pl.concat_str(key, encode_object(frame, member.members))
    value = pl.col(member.column)
    if member.is_json:
        return pl.concat_str(key, value)
    if not _is_exact(frame[member.column]):
        return pl.concat_str(key, encode_value(value, frame.schema[member.column]))
    return pl.when(value.is_not_null()).then(encode_run([value.alias(member.key)])[0])
