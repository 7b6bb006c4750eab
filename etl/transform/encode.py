"""Writes values as JSON text: expressions in, one String expression out. Pure.

Compact separators, UTF-8 not ASCII-escaped, a key whose value is null left out. Runs of fields without nulls are
encoded by Polars' own JSON writer in one go, which is several times as fast as joining pieces; so what is built
depends on the batch, what comes out doesn't.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
import polars as pl

__all__ = ["Member", "encode_object", "encode_string", "quote", "to_json_ready", "to_text"]

# Above this JavaScript's numbers lose digits, so the destination would.
MOST_EXACT_INTEGER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Member:
    """One key of a JSON object: the frame's column with its value, or the members of an object inside it.

    `is_json`: the column is text that is JSON already. Otherwise it is of a type Polars' JSON writer knows:
    String, an integer, Float64, Boolean.
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
        pieces += _encode_run(run)
        pieces.append(_encode_member(frame, member))
        run = []
    pieces += _encode_run(run)
    if not pieces:
        return pl.lit(None, pl.String)
    inside = pieces[0] if len(pieces) == 1 else pl.concat_str(pieces, separator=",", ignore_nulls=True)
    whole = pl.concat_str(pl.lit("{"), inside, pl.lit("}"))
    return whole if is_never_empty else pl.when(inside != "").then(whole)


def encode_string(expr: pl.Expr) -> pl.Expr:
    """Return the JSON of a String expression (or a nested one), quotes included; null stays null."""
    encoded = pl.struct(expr.alias("")).struct.json_encode().str.strip_prefix('{"":').str.strip_suffix("}")
    return pl.when(expr.is_not_null()).then(encoded)


def quote(text: str) -> str:
    """Return the JSON of one string."""
    return orjson.dumps(text).decode()


def to_text(expr: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return the value as the text a text field holds: digits, true/false, ISO 8601 for times."""
    if dtype == pl.String:
        return expr
    if isinstance(dtype, pl.Datetime):
        return _render_datetime(expr, dtype)
    if dtype == pl.Binary:
        return expr.bin.encode("base64")
    if dtype.is_nested():
        return encode_string(expr)
    return expr.cast(pl.String)


def to_json_ready(expr: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, bool]:
    """Return the value in a type that Polars' JSON writer knows, and whether it is JSON text already."""
    if dtype in (pl.Boolean, pl.String, pl.Float64) or dtype.is_integer():
        return expr, False
    if dtype.is_float():
        return expr.cast(pl.Float64), False
    if dtype.is_decimal():
        return expr.cast(pl.String), True
    if dtype.is_nested():
        return encode_string(expr), True
    return to_text(expr, dtype), False


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
    return least is None or (int(least) >= -MOST_EXACT_INTEGER and int(most) <= MOST_EXACT_INTEGER)  # type: ignore[arg-type, call-overload]


def _as_struct(member: Member) -> pl.Expr:
    if member.members:
        return pl.struct([_as_struct(inner) for inner in member.members]).alias(member.key)
    return pl.col(member.column).alias(member.key)


def _encode_run(run: Sequence[pl.Expr]) -> list[pl.Expr]:
    if not run:
        return []
    return [pl.struct(run).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")]


def _encode_member(frame: pl.DataFrame, member: Member) -> pl.Expr:
    key = pl.lit(quote(member.key) + ":")
    if member.members:
        return pl.concat_str(key, encode_object(frame, member.members))
    value = pl.col(member.column)
    if member.is_json:
        return pl.concat_str(key, value)
    if not _is_exact(frame[member.column]):
        is_exact = value.is_between(-MOST_EXACT_INTEGER, MOST_EXACT_INTEGER)
        digits = value.cast(pl.String)
        return pl.concat_str(key, pl.when(is_exact).then(digits).otherwise(pl.concat_str(pl.lit('"'), digits, pl.lit('"'))))
    return pl.when(value.is_not_null()).then(_encode_run([value.alias(member.key)])[0])


def _render_datetime(expr: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    zone = "Z" if dtype.time_zone else ""
    moment = expr.dt.convert_time_zone("UTC") if dtype.time_zone else expr
    return render_timestamp(moment.dt.cast_time_unit("us"), zone)


def render_timestamp(moment: pl.Expr, suffix: str = "Z") -> pl.Expr:
    """Return a UTC time with three fractional digits, or six where it has microseconds."""
    return moment.map_batches(lambda times: _render(times, suffix), return_dtype=pl.String, is_elementwise=True)


def _render(times: pl.Series, suffix: str) -> pl.Series:
    millis = times.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.3f{suffix}")
    has_micros = times.dt.microsecond() % 1000 != 0
    if not has_micros.any():
        return millis
    micros = times.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.6f{suffix}")
    return micros.zip_with(has_micros.fill_null(value=False), millis)
