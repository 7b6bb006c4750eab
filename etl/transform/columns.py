"""The columns an expression may use: names, types, and which text is JSON already. Pure."""

import re
from dataclasses import dataclass

import polars as pl

from etl.errors import JobError
from etl.job.model import Job
from etl.job.places import Place, nearest_name, place_of

__all__ = ["Columns", "Operand", "Value"]

# These would give a row another value in another batch, or at another time.
_NOT_OF_THE_ROW = re.compile(r"(?i)\bover\s*\(|\b(now|current_timestamp|current_date|localtime|today)\b\s*\(?")


@dataclass(frozen=True, slots=True)
class Value:
    """An expression for one value a row: its type, and where its text is JSON already (None: nowhere)."""

    expr: pl.Expr
    dtype: pl.DataType
    is_json: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a field's value comes from in the source: what a reject names, and the value."""

    column: str
    value: Value


@dataclass(frozen=True, slots=True)
class Columns:
    """The source's columns as a job's expressions see them."""

    job: Job
    schema: dict[str, pl.DataType]
    json_flag: dict[str, str]

    def find(self, name: str, key: str) -> Value:
        """Return the column `name`; raises `JobError` that names the nearest one where there is none.

        `key` is the job file's key that asks for it, as in `[event] messageId`.
        """
        if name not in self.schema:
            guess = nearest_name(name, self.schema)
            known = ", ".join(f"`{column}`" for column in list(self.schema)[:12])
            more = f" and {len(self.schema) - 12} more" if len(self.schema) > 12 else ""
            raise JobError(
                f"Expected a column of the source ({known}{more}), found `{name}` - {self.place(key)}",
                f'Did you mean "{guess}"?' if guess else "Use one of these names; they are case-sensitive",
            )
        flag = self.json_flag.get(name)
        return Value(pl.col(name), self.schema[name], pl.col(flag) if flag else None)

    def parse_sql(self, sql: str, key: str) -> tuple[Value, tuple[str, ...]]:
        """Return the value of a Polars SQL expression and the columns it reads; raises `JobError`."""
        try:
            expr = pl.sql_expr(sql)
            names = tuple(dict.fromkeys(expr.meta.root_names()))
        except (pl.exceptions.PolarsError, RecursionError) as error:
            raise self._explain_sql(sql, key, str(error)) from None
        if match := _NOT_OF_THE_ROW.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", sql)):
            raise JobError(
                f"Expected SQL that depends on its row alone, found `{match[0].strip()}` in `{sql}` - {self.place(key)}",
                "A row must give the same event whenever and beside whatever it is read: use its columns",
            )
        for name in names:
            self.find(name, key)
        try:
            empty = pl.DataFrame(schema=self.schema).lazy().select(expr.alias("value"))
            dtype = empty.collect_schema()["value"]
            is_constant = not names
            if empty.collect().height and not is_constant:
                raise JobError(
                    f"Expected SQL that gives one value a row, found an aggregate: `{sql}` - {self.place(key)}",
                    "Use functions of one row, like trim(query) or a || b",
                )
        except pl.exceptions.PolarsError as error:
            raise self._explain_sql(sql, key, str(error)) from None
        return Value(expr, dtype), names

    def place(self, key: str) -> Place:
        """Where in the job file `key` is set."""
        table, _, name = key.rpartition(" ")
        return place_of(self.job, table.strip("[]"), name)

    def _explain_sql(self, sql: str, key: str, reason: str) -> JobError:
        first = reason.splitlines()[0] if reason else "not understood"
        fix = "Mend the expression; it is Polars SQL, one value a row"
        if "dtype" in reason or "type" in reason:
            fix = "Values from text files are text: TRY_CAST(column AS BIGINT) makes a number of them"
        return JobError(f"Expected a Polars SQL expression, found `{sql}`: {first} - {self.place(key)}", fix)
