"""The `[source]` part of a job file as values: which files hold the rows, and how to read them.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from etl.job.amounts import Moment
from etl.job.toml_table import Table
from etl.job.unfit import Unfit

__all__ = ["CsvDialect", "ExcelSpec", "JsonSpec", "NdjsonSpec", "SourceSpec"]


def _is_plain_character(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text not in "\r\n\0"


def _check_separator(text: str) -> str:
    if not _is_plain_character(text):
        raise Unfit('one ASCII character like ";" or "\\t", not a line end')
    return text


def _check_quote(text: str) -> str:
    if text and not _is_plain_character(text):
        raise Unfit('one ASCII character like "\'", or "" for none')
    return text


def _check_comment(text: str) -> str:
    if not text.isascii() or any(char in text for char in "\r\n\0"):
        raise Unfit('an ASCII prefix like "#", or "" for none')
    return text


def _check_names(columns: tuple[str, ...] | None, *, has_header: bool) -> None:
    if not has_header and not columns:
        raise Unfit("`columns`, the names of the columns in order, because `header = false`", "none")
    if columns and len(set(columns)) != len(columns):
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        raise Unfit("column names that differ", f"`{repeated[0]}` twice")


class CsvDialect(Table):
    """How the delimited files are written."""

    separator: Annotated[str, AfterValidator(_check_separator)] | None = Field(None, examples=[";"])
    """What stands between two values: one ASCII character. Left out: a comma, in TSV files a tab."""
    quote: Annotated[str, AfterValidator(_check_quote)] = Field('"', examples=["'", ""])
    """What encloses a value that holds separators or line breaks; doubled inside one, it stands for itself. `""` is
    none."""
    escape: Annotated[str, AfterValidator(_check_quote)] = Field("", examples=["\\"])
    """What takes the meaning of the character after it. Left out, there is none."""
    comment: Annotated[str, AfterValidator(_check_comment)] = Field("", examples=["#"])
    """Lines that start so are no rows. Left out, there are none."""
    skip_lines: Annotated[int, Field(ge=0)] = Field(0, examples=[3])
    """How many lines stand before the header, or before the first row."""
    header_prefix: Annotated[str, AfterValidator(_check_comment)] = Field("", examples=["#fields\t"])
    """What stands before the first name where the header is a comment: the first line that starts so is the header, and
    what is above it is skipped."""
    skip_below_header: Annotated[int, Field(ge=0)] = Field(0, examples=[1])
    """How many records below the header are no rows: units, types, a second line of names."""
    header: bool = Field(True, examples=[False])
    """Whether the first record holds the columns' names."""
    columns: tuple[str, ...] | None = Field(None, examples=[["user_id", "started", "query"]])
    """The columns' names, in order: needed where there is no header, and instead of the header's where there is
    one."""
    short_records: Literal["reject", "fill"] = Field("reject", examples=["fill"])
    """A record with fewer values than there are columns: a reject, or its last columns are empty (`fill`), for files
    that leave out separators at the end of a line."""
    skip_initial_space: bool = Field(False, examples=[True])
    """Whether spaces after a separator are no part of the value, so that a quote may stand behind them."""
    null_values: tuple[str, ...] = Field(("",), examples=[["", "NULL"]])
    """Values that mean that there is none. An empty one counts only if it is in this list."""
    encoding: str = Field("utf-8", examples=["windows-1252"])
    """The files' encoding, as Python calls it."""

    @model_validator(mode="after")
    def _tells_characters_apart(self) -> Self:
        given = [char for char in (self.separator, self.quote, self.escape) if char]
        if len(set(given)) != len(given):
            raise Unfit(
                "a separator, a quote and an escape that differ (a doubled quote is understood without `escape`)",
                " and ".join(f"`{char}`" for char in given),
            )
        if self.comment and self.comment[0] in given:
            raise Unfit(
                "a comment prefix that starts with neither the separator, the quote nor the escape",
                f"`{self.comment}`",
            )
        return self

    @model_validator(mode="after")
    def _has_header(self) -> Self:
        if not self.header and (self.header_prefix or self.skip_below_header):
            key = "header_prefix" if self.header_prefix else "skip_below_header"
            raise Unfit(f"`header = true` beside `{key}`, which is about the header", "`header = false`")
        if self.skip_initial_space and self.separator == " ":
            raise Unfit("a separator that is no space beside `skip_initial_space`", "a space")
        return self

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        _check_names(self.columns, has_header=self.header)
        return self


class ExcelSpec(Table):
    """Where on a sheet the rows are. Its cells are read as text."""

    skip_rows: Annotated[int, Field(ge=0)] = Field(0, examples=[3])
    """How many rows of the sheet stand before the header, or before the first row: titles and notes."""
    header: bool = Field(True, examples=[False])
    """Whether the first row after those that holds anything has the columns' names."""
    columns: tuple[str, ...] | None = Field(None, examples=[["user_id", "started", "query"]])
    """The columns' names, in order: needed where there is no header, and instead of the header's where there is
    one."""
    null_values: tuple[str, ...] = Field(("",), examples=[["", "n/a", "#N/A"]])
    """Texts that mean that there is none. An error like `#N/A` in a column that the job uses makes the row a reject,
    unless it is in this list."""

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        _check_names(self.columns, has_header=self.header)
        return self


class NdjsonSpec(Table):
    """Which keys of an NDJSON file's objects are columns: all, or `keys` and one object of the others."""

    keys: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, examples=[["id", "at", "query"]]
    )
    """The keys that become columns; all others become one object, called what `rest` says. Left out, each key is a
    column."""
    rest: Annotated[str, Field(min_length=1)] | None = Field(None, examples=["other"])
    """The column that holds the other keys as one object, its keys sorted, so that their order changes no id."""
    max_keys: Annotated[int, Field(ge=1, le=100_000)] = Field(2_000, examples=[5000])
    """With more different keys than this, the files are refused: then values stand where keys should."""

    @model_validator(mode="after")
    def _takes_every_key(self) -> Self:
        if (self.keys is None) != (self.rest is None):
            raise Unfit(
                "`keys` and `rest` together, because what isn't a column of its own must be somewhere",
                "`rest` alone" if self.keys is None else "`keys` alone",
            )
        if self.keys is not None and self.rest in self.keys:
            raise Unfit("a name for `rest` that isn't one of `keys`", f"`{self.rest}`")
        return self


def _check_path(text: str) -> str:
    if not all(text.split(".")):
        raise Unfit('keys joined by dots, like "data.items" or "chats.list.*.messages"', f"`{text}`")
    return text


class JsonSpec(NdjsonSpec):
    """Where in a JSON document the rows are, and which of their keys are columns."""

    path: Annotated[str, AfterValidator(_check_path)] | None = Field(
        None, examples=["messages", "chats.list.*.messages"]
    )
    """The keys that lead to the list of rows, joined by dots; `*` is each element of a list on the way. Left out: the
    list at the top, or the only list of objects there is."""
    beside: dict[str, Annotated[str, AfterValidator(_check_path)]] = Field(
        default_factory=dict, examples=[{"channel_id": "channel.id"}]
    )
    """Columns of what stands beside that list, the same for each of its rows: a name, and the keys that lead there from
    the object that holds the list."""

    @model_validator(mode="after")
    def _has_an_object_around(self) -> Self:
        if self.beside and (self.path or "").split(".")[-1] in ("", "*"):
            raise Unfit(
                "`path` beside `beside`, because it says which list is meant", f"`{self.path or 'none'}`"
            )
        return self


def _parse_hook(value: object) -> object:
    """Return the hook: a file of the job's own folder and a function in it, for nothing else is ever run."""
    wanted = 'a Python file beside the job file and a function in it, like "mapping.py:clean"'
    if not isinstance(value, str) or not re.fullmatch(r"[^:\\\x00]+\.py:[^\W\d]\w*", value):
        raise Unfit(wanted)
    file = Path(value.partition(":")[0])
    if file.is_absolute() or ".." in file.parts:
        raise Unfit(f"{wanted}, inside the job file's own folder")
    return value


class SourceSpec(Table):
    """Which files hold the rows, and how to read them."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        examples=[["exports/search-*.tsv.gz"], ["s3://logs/2023/**/*.parquet"]]
    )
    """The files, relative to the job file: `*` stays within a folder, `**` goes into all below. A folder means the
    files in it. Also `s3://`, `gs://` and `https://`."""
    format: (
        Literal["csv", "tsv", "ndjson", "json", "excel", "access_log", "parquet", "arrow", "avro"] | None
    ) = Field(None, examples=["ndjson"])
    """What the files are, where their names don't end in .csv, .tsv, .ndjson, .jsonl, .json, .xlsx, .xls,
    .ods, .parquet,
    .arrow, .feather or .avro. `access_log` are those of Apache and nginx, in Common or Combined Log Format."""
    mode: Literal["once", "incremental"] = Field("once", examples=["incremental"])
    """`once`: a fixed set of files. `incremental`: each run takes new files, and new rows of files that grew."""
    on_change: Literal["error", "restage", "ignore"] = Field("error", examples=["restage"])
    """A file of an earlier run that changed in place, shrank or vanished: stop (`error`), read it again (`restage`),
    or leave it (`ignore`)."""
    on_correction: Literal["report", "send", "reject"] = Field("report", examples=["send"])
    """A row whose id was delivered with another content: tell and wait for `retry --corrections` (`report`), send it
    under that id (`send`), or make it a reject (`reject`)."""
    since: Moment | None = Field(None, examples=["2024-01-01"])
    """Only events from this time on."""
    until: Moment | None = Field(None, examples=["2024-07-01"])
    """Only events before this time."""
    watermark: str | None = Field(None, examples=["updated_at"])
    """A column that only grows: rows below the highest value that a run has seen are skipped."""
    sheet: Annotated[str, Field(min_length=1)] | None = Field(None, examples=["Data", "2024-*"])
    """The sheet of each workbook that holds the rows, or a pattern of several. Left out: the only one that holds
    anything."""
    csv: CsvDialect = CsvDialect()
    """How the delimited files are written."""
    ndjson: NdjsonSpec = NdjsonSpec()
    """Which keys of an NDJSON file are columns."""
    excel: ExcelSpec = ExcelSpec()
    """Where on a sheet the rows are."""
    json_: JsonSpec = Field(JsonSpec(), alias="json")
    """Where in a JSON document the rows are."""
    transform: Annotated[str, BeforeValidator(_parse_hook)] | None = Field(
        None, examples=["mapping.py:clean"]
    )
    """A Python file beside this one, and a function in it: it gets a Polars LazyFrame of the columns and returns
    one."""

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Unfit(
                "`until` later than `since`",
                f"{self.since:%Y-%m-%dT%H:%M:%SZ} and {self.until:%Y-%m-%dT%H:%M:%SZ}",
                fix="An event at `until` is left out, so a whole day D is since = D, until = the day after D",
            )
        return self
