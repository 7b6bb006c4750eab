"""The `[event]` part of a job file as values: which column becomes which field of the event.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from etl.job.toml_table import Table
from etl.job.unfit import Unfit
from etl.values.whence import PLACES, Whence, place_column

__all__ = ["EventSpec", "FieldSpec", "IdSpec", "PropertiesSpec", "TimestampSpec"]


Cast = Literal["string", "int", "float", "bool", "json"]
Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool


class FieldSpec(Table):
    """Where one field's value comes from, and how it is shaped. Exactly one of column, value, sql, source is set.

    What is given is applied in this order: the source, `trim`, `null_values`, `param`, `map`, `cast` or `split` (with
    both, the cast is of each part), `default`.
    """

    column: str | None = Field(None, examples=["user_id", "widget.version", "event_params.page_title"])
    """The column that holds the value. Dots lead into an object, a map, a list (by number, or by key where it holds
    keys and values) or a JSON cell."""
    value: Scalar | None = Field(None, examples=["search"])
    """The same value for every event."""
    sql: str | None = Field(None, examples=["trim(query)"])
    """A Polars SQL expression of the row's own columns."""
    source: Whence | None = Field(None, examples=["folder", "file"])
    """Where the row is from: the name of its file, of the folder that this is in (for a member of an archive that is in
    none, the archive), the whole name as reports have it (`path`), the sheet of a workbook, or the number of the `row`.
    The column `"(folder)"` is the same, in SQL and ids too."""
    param: Annotated[str, Field(min_length=1)] | None = Field(None, examples=["q"])
    """The parameter to take out of an address or a query string, decoded."""
    map: dict[str, Scalar] | None = Field(None, examples=[{"q": "search_query_submitted"}])
    """What becomes of each text. One that isn't listed becomes `default`, or makes the row a reject."""
    default: Scalar | None = Field(None, examples=["unknown"])
    """What stands there where the value is missing or isn't in `map`. Left out, the field is left out."""
    cast: Cast | None = Field(None, examples=["int"])
    """What the value is made: text, a whole number, a number, true or false, or the JSON that stands in a text. What
    can't be that is a reject."""
    split: Annotated[str, Field(min_length=1)] | None = Field(None, examples=[";"])
    """What separates the parts of a text that becomes a list."""
    trim: bool = Field(False, examples=[True])
    """Whether spaces around the value go."""
    null_values: tuple[str, ...] = Field((), examples=[["n/a", "-"]])
    """Texts that mean that there is no value."""

    @model_validator(mode="before")
    @classmethod
    def _take_place(cls, value: Any) -> Any:
        """Return the spec with a place as the column that the source has for the asking."""
        if not isinstance(value, Mapping) or value.get("source") not in PLACES:
            return value
        if {"column", "value", "sql"} & set(value):
            return value
        rest = {key: inner for key, inner in value.items() if key != "source"}
        number = {"cast": "int"} if value["source"] == "row" else {}
        return {"column": place_column(value["source"]), **number, **rest}

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "value", "sql", "source") if getattr(self, name) is not None]
        if len(given) != 1:
            raise Unfit("exactly one of `column`, `value`, `sql`, `source`", _list_names(given))
        if self.value is not None and self.model_fields_set != {"value"}:
            others = sorted(self.model_fields_set - {"value"})
            raise Unfit(
                "`value` alone, because a constant needs no shaping",
                f"{_list_names(others)} beside it",
            )
        if self.split is not None and self.cast == "json":
            raise Unfit('`split` or `cast = "json"`', "both")
        return self


class TimestampSpec(Table):
    """Which column holds the row's own time, and how it is written."""

    column: str | None = Field(None, examples=["started"])
    """The column that holds the time."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(None, examples=[["day", "time"]])
    """The columns that hold the time in parts: joined by a space."""
    sql: str | None = Field(None, examples=["coalesce(ended, started)"])
    """A Polars SQL expression that gives the time."""
    format: str = Field("iso8601", examples=["epoch_ms", "%m/%d/%Y %I:%M:%S %p"])
    """How the time is written: iso8601, epoch_s, epoch_ms, epoch_us, epoch_ns, excel, or a strptime pattern."""
    timezone: str | None = Field(None, examples=["America/Los_Angeles"])
    """The clock that wrote times that name no zone, by its IANA name. Times that say their own zone keep it."""
    year: Annotated[int, Field(ge=1970, le=2100)] | Literal["from-file-time", "from-file-name"] | None = (
        Field(None, examples=[2024, "from-file-name"])
    )
    """For a format without a year: that of the first row, or where the file's name or its own time say it. It turns
    over at New Year, in the order of the file."""
    ambiguous: Literal["reject", "earliest", "latest"] = Field("reject", examples=["earliest"])
    """A local time that comes twice because the clock was set back: a reject, or the first or second of the two."""
    nonexistent: Literal["reject", "shift_forward"] = Field("reject", examples=["shift_forward"])
    """A local time that never was because the clock was set forward: a reject, or the time as far after the gap."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "columns", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise Unfit("exactly one of `column`, `columns`, `sql`", _list_names(given))
        if self.year is not None and self.sql is not None:
            raise Unfit("`column` or `columns` beside `year`, because it follows them row by row", "`sql`")
        return self


class IdSpec(Table):
    """What an event's id is made of: its content, some columns of its row, or the source's own id."""

    column: str | None = Field(None, examples=["event_id"])
    """The column that the id is made of, or with `verbatim` the id itself."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None, examples=[["user_id", "started"]]
    )
    """The columns that name one event together: the id is made of their values."""
    verbatim: bool = Field(False, examples=[True])
    """Whether the column is the source's own id, sent as it is."""
    duplicates: Literal["collapse", "number"] = Field("collapse", examples=["number"])
    """Rows of one load with the same id: the first is sent (`collapse`), or each repeat within a file gets a number,
    so that all are (`number`)."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.column is not None and self.columns is not None:
            raise Unfit("`column` or `columns`", "both")
        if self.verbatim and self.column is None:
            raise Unfit("`column`, the one that holds the source's own id, because `verbatim = true`", "none")
        if self.verbatim and self.duplicates == "number":
            raise Unfit(
                '`duplicates = "collapse"`, because a verbatim id has no room for a number',
                '`"number"`',
            )
        return self

    @property
    def kind(self) -> Literal["content", "key", "verbatim"]:
        """What the id is made of."""
        if self.verbatim:
            return "verbatim"
        return "key" if self.key_columns else "content"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of an id by key, in the job's order."""
        return self.columns or ((self.column,) if self.column else ())


def _expand_shorthand(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Field_ = Annotated[FieldSpec, BeforeValidator(_expand_shorthand)]


class PropertiesSpec(Table):
    """The members of `properties`: the ones named, and every column that no field uses where `every_column` is set.

    In the job file the two keys `"*" = true` and `except = ["column"]` say the latter; a table under one of these names
    is an ordinary property.
    """

    every_column: bool = False
    excluded: tuple[str, ...] = ()
    fields: dict[str, Field_] = Field(default_factory=dict)


def _parse_properties(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    table = dict(value)
    every = False
    excluded: tuple[str, ...] = ()
    if not isinstance(star := table.get("*"), Mapping | None):
        if not isinstance(star, bool):
            raise _explain_reserved("*", "true", star)
        every = star
        del table["*"]
    if not isinstance(without := table.get("except"), Mapping | None):
        if not isinstance(without, tuple) or not all(isinstance(name, str) for name in without):
            raise _explain_reserved("except", '["column"]', without)
        excluded = without
        del table["except"]
    if excluded and not every:
        raise Unfit('`"*" = true` beside `except`, because it says what that leaves out', "`except` alone")
    return {"every_column": every, "excluded": excluded, "fields": table}


def _explain_reserved(key: str, wanted: str, found: object) -> Unfit:
    return Unfit(
        f'`"{key}" = {wanted}`, which is about columns, or a table for a property of that name, '
        f'as in {{ column = "your_column" }}',
        f"`{json.dumps(found, default=str)[:80]}`",
    )


Properties = Annotated[PropertiesSpec, BeforeValidator(_parse_properties)]
Timestamp = Annotated[TimestampSpec, BeforeValidator(_expand_shorthand)]
IdField = Annotated[IdSpec, BeforeValidator(_expand_shorthand)]


class EventSpec(Table):
    """Which column becomes which field of the event."""

    type: Field_ = Field(examples=[{"value": "search_query_submitted"}, "action"])
    """What happened, as in `search_query_submitted`; any text will do."""
    entityType: Field_ = Field(examples=[{"value": "search"}])
    """What it happened to: `message`, `conversation` or `search`. Each needs its own field below."""
    createdAt: Timestamp = Field(examples=[{"column": "started", "format": "epoch_ms"}, "occurred_at"])
    """When it happened, by the row itself. The time of the upload is never filled in."""
    id: IdField = Field(IdSpec(), examples=[{"columns": ["user_id", "started"]}])
    """What the event's id is made of. Left out: of its content."""
    messageId: Field_ | None = Field(None, examples=["message_id"])
    """The message's id: every event of a `message` needs it."""
    conversationId: Field_ | None = Field(None, examples=["conversation_id"])
    """The conversation's id: every event of a `conversation` needs it."""
    searchQuery: Field_ | None = Field(None, examples=[{"sql": "trim(query)"}])
    """What was searched for: every event of a `search` needs it."""
    projectId: Field_ | None = Field(None, examples=[{"value": "docs-site"}])
    """The project, where the key's own isn't meant."""
    integrationId: Field_ | None = Field(None, examples=[{"value": "warehouse-export"}])
    """The integration, where the key's own isn't meant."""
    properties: Properties = Field(
        PropertiesSpec(),
        examples=[{"duration_s": {"column": "duration", "cast": "int"}}, {"*": True, "except": ["email"]}],
    )
    """Your own fields, by name. `"*" = true` takes every column that no field uses, but those of `except`."""
    userProperties: dict[str, Field_] = Field(default_factory=dict, examples=[{"id": "user_id"}])
    """What is known of the user. The API knows `id`, `identificationType`, `userId`, `supportAgentName`,
    `supportAgentEmail` and `userType`."""
    non_finite: Literal["reject", "null"] = Field("reject", examples=["null"])
    """NaN and infinities, which JSON can't say: a reject, or no value."""


def _list_names(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names) if names else "none of them"
