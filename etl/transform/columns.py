"""The columns a job's expressions may use: by name, by a dotted path into structs and JSON, and in SQL. Pure."""

import json
from dataclasses import dataclass
from typing import Final

import polars as pl
from polars.datatypes import DataTypeClass

from etl.errors import JobError
from etl.job.line_numbers import Place, nearest_name, place_of
from etl.job.model import Job
from etl.panics import without_panic_text
from etl.transform.cells import CELL, read_cells
from etl.transform.pairs import has_pairs, is_choice, take_choice, take_from_pairs
from etl.transform.phrases import found, phrase
from etl.transform.row_alone import check_row_alone
from etl.transform.sql import UnusableSql, parse_sql, show_sql
from etl.transform.values import Value, encode_value, find_repeated_key, map_entry
from etl.values.reject import RejectCode
from etl.values.rows import column_named

__all__ = ["Columns", "Flaw", "Operand", "find_flaws"]

MOST_LISTED: Final = 12
_SEPARATORS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What makes a cell unfit to be read: where `failed` is true the row is a reject of `code`, for a `reason`.

    `found` is the value to blame, where it is told.
    """

    code: RejectCode
    failed: pl.Expr
    reason: pl.Expr
    found: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a field's value comes from in the source.

    `column` is what a reject names. Where `source` is given it becomes a column of the frame first, which may fail for
    a row; `value` reads it. `flaws` are what may be wrong with the cell that a path leads into.
    """

    column: str
    value: Value
    source: pl.Expr | None = None
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one file as a job's expressions see them; `union` as all files have them together."""

    job: Job
    schema: dict[str, pl.DataType]
    json_flag: dict[str, str]
    union: dict[str, pl.DataType]

    def find(self, name: str, key: str) -> Operand:
        """Return the column `name`, or what it names as a dotted path; a column of that very name comes first.

        `key` is the job file's key that asks for it, as in `[event] messageId`. Raises `JobError` that names the
        nearest column where there is none.
        """
        if name in self.schema:
            flag = self.json_flag.get(name)
            return Operand(name, Value(column_named(name), self.schema[name], pl.col(flag) if flag else None))
        steps = name.split(".")
        for count in range(len(steps) - 1, 0, -1):
            column = ".".join(steps[:count])
            if column in self.schema:
                return self._follow(column, tuple(steps[count:]), name, key)
        raise self._explain_unknown(name, list(self.schema), "a column of the source", key)

    def parse_sql(self, sql: str, name: str, key: str) -> Operand:
        """Return the value of a Polars SQL expression, to be computed as a column called for `name`; raises
        `JobError`.
        """
        expr = self._parse(sql, key)
        roots = tuple(dict.fromkeys(expr.meta.root_names()))
        for root in roots:
            if root not in self.schema:
                raise self._explain_unknown(root, list(self.schema), "a column of the source", key)
        dtype = self._type_of(expr, sql, key)
        column = f"\x1fsql:{name}"
        return Operand(", ".join(roots), Value(pl.col(column), dtype), expr.alias(column))

    def sql_columns(self, sql: str, key: str) -> set[str]:
        """Return the columns that a SQL expression names; raises `JobError` where it can't be read."""
        return set(self._parse(sql, key).meta.root_names())

    def place(self, key: str) -> Place:
        """Return where in the job file `key` is set."""
        table, _, name = key.rpartition(" ")
        return place_of(self.job, table.strip("[]"), name)

    def _parse(self, sql: str, key: str) -> pl.Expr:
        try:
            return parse_sql(sql)
        except UnusableSql as error:
            raise JobError(f"{error.problem} - {self.place(key)}", error.fix) from None

    def _type_of(self, expr: pl.Expr, sql: str, key: str) -> pl.DataType:
        try:
            with without_panic_text():
                empty = pl.DataFrame(schema=self.schema).lazy().select(expr.alias("value")).collect()
                check_row_alone(expr, self.schema, sql)
        except UnusableSql as error:
            raise JobError(f"{error.problem} - {self.place(key)}", error.fix) from None
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise self._explain_sql(sql, key, str(error)) from None
        return empty.schema["value"]

    def _follow(self, column: str, steps: tuple[str, ...], name: str, key: str) -> Operand:
        """Go along a path: by type as far as the types go, then into the JSON of a text."""
        expr, dtype, walked = column_named(column), self.schema[column], column
        flaws: tuple[Flaw, ...] = ()
        while steps and dtype.is_nested():
            if isinstance(dtype, pl.Struct):
                fields = {field.name: field.dtype for field in dtype.fields}
                if steps[0] not in fields:
                    if _leads_on(self.union.get(column), name.removeprefix(f"{column}.").split(".")):
                        return Operand(name, Value(_nothing(column), pl.String()))
                    raise self._explain_unknown(steps[0], list(fields), f"a field of `{walked}`", key)
                expr, inner = expr.struct.field(steps[0]), fields[steps[0]]
            elif isinstance(dtype, pl.List | pl.Array) and steps[0].isascii() and steps[0].isdigit():
                items = expr if isinstance(dtype, pl.List) else expr.arr.to_list()
                expr, inner = items.list.get(int(steps[0]), null_on_oob=True), dtype.inner
            elif isinstance(dtype, pl.List) and has_pairs(dtype):
                expr, inner = take_from_pairs(expr, dtype, steps[0])
                if len(steps) == 1 and isinstance(inner, pl.Struct) and is_choice(inner):
                    return Operand(name, take_choice(expr, inner), flaws=flaws)
            elif isinstance(dtype, pl.Map):
                # It looks into maps within this one as well.
                flaws = flaws or find_flaws(Value(expr, dtype))
                expr, inner = map_entry(expr, dtype, steps[0]), dtype.value
            else:
                raise JobError(
                    f"Expected a position like `{walked}.0` in a list, found `{steps[0]}` - {self.place(key)}",
                    f'Name a position, counted from 0, or the whole list: column = "{walked}"',
                )
            dtype = inner() if isinstance(inner, type) else inner
            walked, steps = f"{walked}.{steps[0]}", steps[1:]
        if not steps:
            return Operand(name, Value(expr, dtype), flaws=flaws)
        if dtype != pl.String:
            raise JobError(
                f"Expected an object with a field `{steps[0]}` in `{walked}`, found {dtype} - {self.place(key)}",
                f'Use the column itself: column = "{walked}"',
            )
        cell, path = f"\x1fpath:{name}", steps
        read = expr.map_batches(lambda texts: read_cells(texts, path), return_dtype=CELL, is_elementwise=True)
        parts = pl.col(cell).struct
        value = Value(parts.field("text"), pl.String(), parts.field("is_json"))
        reason = pl.lit(f"expected JSON with an object or a list, to read `{name}` in, found something else")
        flaw = Flaw(RejectCode.INVALID_JSON, parts.field("is_broken"), reason)
        return Operand(name, value, read.alias(cell), (*flaws, flaw))

    def _explain_unknown(self, name: str, known: list[str], wanted: str, key: str) -> JobError:
        guess = nearest_name(name, known)
        listed = ", ".join(f"`{column}`" for column in known[:MOST_LISTED])
        more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
        choices = f" ({listed}{more})" if known else ""
        if (separator := _unsplit(self.job, known)) is not None:
            return JobError(
                f"Expected {wanted}{choices}, found `{name}` - {self.place(key)}",
                f"The whole header is one column: set separator = {json.dumps(separator)} under [source.csv]",
            )
        return JobError(
            f"Expected {wanted}{choices}, found `{name}` - {self.place(key)}",
            f'Did you mean "{guess}"?' if guess else "Use one of these names; they are case-sensitive",
        )

    def _explain_sql(self, sql: str, key: str, reason: str) -> JobError:
        first = reason.splitlines()[0] if reason else "not understood"
        fix = "Mend the expression; it is Polars SQL, one value a row"
        if "dtype" in reason or "type" in reason:
            fix = "Values from text files are text: TRY_CAST(column AS BIGINT) makes a number of them"
        return JobError(
            f"Expected a Polars SQL expression, found {show_sql(sql)}: {first[:200]} - {self.place(key)}", fix
        )


def find_flaws(value: Value) -> tuple[Flaw, ...]:
    """Return what may be wrong with a value: a map that holds a key twice, of which JSON would keep one."""
    repeated = find_repeated_key(value.expr, value.dtype)
    if repeated is None:
        return ()
    text = encode_value(value.expr, value.dtype)
    reason = phrase("expected a map whose keys differ, found {}", found(text))
    return (Flaw(RejectCode.UNPARSABLE_VALUE, repeated, reason, text),)


def _unsplit(job: Job, known: list[str]) -> str | None:
    """Return the separator that the one column's name is full of: then the header was not split."""
    if len(known) != 1 or job.source.format not in (None, "csv", "tsv"):
        return None
    separator = max(_SEPARATORS, key=known[0].count)
    return separator if known[0].count(separator) and separator != job.source.csv.separator else None


def _leads_on(dtype: pl.DataType | DataTypeClass | None, steps: list[str]) -> bool:
    """Whether a path leads to a value in another file's type of the column."""
    for step in steps:
        if isinstance(dtype, pl.Struct):
            dtype = next((field.dtype for field in dtype.fields if field.name == step), None)
        elif isinstance(dtype, pl.List | pl.Array) and step.isdigit():
            dtype = dtype.inner
        elif isinstance(dtype, pl.Map):
            dtype = dtype.value
        else:
            return dtype == pl.String
    return dtype is not None


def _nothing(column: str) -> pl.Expr:
    """Return null for each row of the frame that has the column."""
    return pl.when(column_named(column).is_null() & column_named(column).is_not_null()).then(pl.lit(""))
