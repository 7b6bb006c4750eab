"""The `[event]` part of a job file as values: which column becomes which field of the event.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from etl.job.table import Table

__all__ = ["EventSpec", "FieldSpec", "IdSpec", "PropertiesSpec", "TimestampSpec"]


Cast = Literal["string", "int", "float", "bool", "json"]
Scalar = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool


class FieldSpec(Table):
    """Where one field's value comes from, and how it is shaped. Exactly one of column, value, sql is set.

    What is given is applied in this order: the source, `trim`, `null_values`, `map`, `cast` or `split` (with both, the
    cast is of each part), `default`.
    """

    column: str | None = None
    value: Scalar | None = None
    sql: str | None = None
    map: dict[str, Scalar] | None = None
    default: Scalar | None = None
    cast: Cast | None = None
    split: Annotated[str, Field(min_length=1)] | None = None
    trim: bool = False
    null_values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "value", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of `column`, `value`, `sql`, found {_list_names(given)}")
        if self.value is not None and self.model_fields_set != {"value"}:
            others = sorted(self.model_fields_set - {"value"})
            raise ValueError(
                f"`value` alone, because a constant needs no shaping, found {_list_names(others)} beside it"
            )
        if self.split is not None and self.cast == "json":
            raise ValueError('`split` or `cast = "json"`, found both')
        return self


class TimestampSpec(Table):
    """Which column holds the row's own time, and how it is written."""

    column: str | None = None
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    sql: str | None = None
    format: str = "iso8601"
    timezone: str | None = None
    ambiguous: Literal["reject", "earliest", "latest"] = "reject"
    nonexistent: Literal["reject", "shift_forward"] = "reject"

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "columns", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of `column`, `columns`, `sql`, found {_list_names(given)}")
        return self


class IdSpec(Table):
    """What an event's id is made of: its content, some columns of its row, or the source's own id."""

    column: str | None = None
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    verbatim: bool = False
    duplicates: Literal["collapse", "number"] = "collapse"

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.column is not None and self.columns is not None:
            raise ValueError("`column` or `columns`, found both")
        if self.verbatim and self.column is None:
            raise ValueError("`column`, the one that holds the source's own id, because `verbatim = true`")
        if self.verbatim and self.duplicates == "number":
            raise ValueError('`duplicates = "collapse"`: an id taken verbatim has no room for a number')
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
            raise ValueError(_explain_reserved("*", "true", star))
        every = star
        del table["*"]
    if not isinstance(without := table.get("except"), Mapping | None):
        if not isinstance(without, tuple) or not all(isinstance(name, str) for name in without):
            raise ValueError(_explain_reserved("except", '["column"]', without))
        excluded = without
        del table["except"]
    if excluded and not every:
        raise ValueError('`"*" = true` beside `except`, because it says what that leaves out')
    return {"every_column": every, "excluded": excluded, "fields": table}


def _explain_reserved(key: str, wanted: str, found: object) -> str:
    return (
        f'`"{key}" = {wanted}`, which is about columns, or a table for a property of that name, '
        f'as in {{ column = "your_column" }}, found `{json.dumps(found, default=str)[:80]}`'
    )


Properties = Annotated[PropertiesSpec, BeforeValidator(_parse_properties)]
Timestamp = Annotated[TimestampSpec, BeforeValidator(_expand_shorthand)]
IdField = Annotated[IdSpec, BeforeValidator(_expand_shorthand)]


class EventSpec(Table):
    """Which column becomes which field of the event."""

    type: Field_
    entityType: Field_  # noqa: N815 - the wire's own names
    createdAt: Timestamp  # noqa: N815
    id: IdField = IdSpec()
    messageId: Field_ | None = None  # noqa: N815
    conversationId: Field_ | None = None  # noqa: N815
    searchQuery: Field_ | None = None  # noqa: N815
    projectId: Field_ | None = None  # noqa: N815
    integrationId: Field_ | None = None  # noqa: N815
    properties: Properties = PropertiesSpec()
    userProperties: dict[str, Field_] = Field(default_factory=dict)  # noqa: N815
    non_finite: Literal["reject", "null"] = "reject"


def _list_names(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names) if names else "none of them"
