"""The job file as values: what a TOML job says, parsed once and never checked again.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = [
    "DEFAULT_ENDPOINT",
    "EVENT_FIELDS",
    "CsvDialect",
    "EventSpec",
    "FieldSpec",
    "FilterSpec",
    "IdSpec",
    "Job",
    "Limits",
    "MaxRejects",
    "Rate",
    "SourceSpec",
    "TimestampSpec",
    "UploadSpec",
    "parse_rate",
]

DEFAULT_ENDPOINT = "https://api.analytics.inkeep.com"
EVENT_FIELDS = (
    "type",
    "entityType",
    "messageId",
    "conversationId",
    "searchQuery",
    "projectId",
    "integrationId",
)


class Rate(NamedTuple):
    """How many events a second may be sent; None is as many as the destination takes."""

    per_second: float | None

    @property
    def text(self) -> str:
        """The rate as a job file writes it."""
        return "max" if self.per_second is None else f"{self.per_second:g}/s"


class MaxRejects(NamedTuple):
    """How many rejects a load may have: a count, or a share of the rows read."""

    count: int | None
    share: float | None

    def allows(self, rejected: int, read: int) -> bool:
        """Whether `rejected` of `read` rows is within the limit."""
        if self.count is not None:
            return rejected <= self.count
        return self.share is None or rejected <= self.share * read

    @property
    def text(self) -> str:
        """The limit as a job file writes it."""
        return str(self.count) if self.count is not None else f"{(self.share or 0) * 100:g}%"


def parse_rate(value: object) -> Rate:
    """Return the rate that a job file or an option writes; raises `ValueError` that says what is expected."""
    if isinstance(value, Rate):
        return value
    if value == "max":
        return Rate(None)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(s|sec|second|min|minute|m|h|hour)\s*", str(value))
    if isinstance(value, str) and match and float(match[1]) > 0:
        return Rate(float(match[1]) / {"s": 1, "m": 60, "h": 3600}[match[2][0]])
    raise ValueError('a rate like "20/s", "600/min" or "max"')


def _parse_seconds(value: object) -> float:
    if isinstance(value, float):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min)\s*", value) if isinstance(value, str) else None
    if match and float(match[1]) > 0:
        return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "min": 60}[match[2]]
    raise ValueError('a duration like "30s", "500ms" or "2m"')


def _parse_max_rejects(value: object) -> MaxRejects:
    if isinstance(value, MaxRejects):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return MaxRejects(value, None)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if match and float(match[1]) <= 100:
        return MaxRejects(None, float(match[1]) / 100)
    raise ValueError('a share like "1%" or a count like 500')


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CsvDialect(_Table):
    """How the delimited files are written."""

    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ("",)
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        if not self.header and not self.columns:
            raise ValueError("`columns`, the names of the columns in order, because `header = false`")
        if self.columns and len(set(self.columns)) != len(self.columns):
            repeated = sorted({name for name in self.columns if self.columns.count(name) > 1})
            raise ValueError(f"column names that differ; `{repeated[0]}` is named twice")
        return self


class SourceSpec(_Table):
    """Which files hold the rows, and how to read them."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    format: Literal["csv", "tsv", "ndjson", "parquet"] | None = None
    mode: Literal["once", "incremental"] = "once"
    csv: CsvDialect = CsvDialect()


class FilterSpec(_Table):
    """Which rows are wanted: those where the SQL is true. The others are skipped."""

    sql: str


Cast = Literal["string", "int", "float", "bool", "json"]
Scalar = str | int | float | bool


class FieldSpec(_Table):
    """Where one field's value comes from, and how it is shaped. Exactly one of column, value, sql is set."""

    column: str | None = None
    value: Scalar | None = None
    sql: str | None = None
    map: dict[str, Scalar] | None = None
    default: Scalar | None = None
    cast: Cast | None = None
    split: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        given = [name for name in ("column", "value", "sql") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of `column`, `value`, `sql`, found {_list_names(given)}")
        return self


class TimestampSpec(_Table):
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


class IdSpec(_Table):
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
Timestamp = Annotated[TimestampSpec, BeforeValidator(_expand_shorthand)]
IdField = Annotated[IdSpec, BeforeValidator(_expand_shorthand)]


class EventSpec(_Table):
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
    properties: dict[str, Field_] = Field(default_factory=dict)
    userProperties: dict[str, Field_] = Field(default_factory=dict)  # noqa: N815


class UploadSpec(_Table):
    """Where the events go, and how fast."""

    endpoint: str = DEFAULT_ENDPOINT
    rate: Annotated[Rate, BeforeValidator(parse_rate)] = Rate(20.0)
    concurrency: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    timeout: Annotated[float, BeforeValidator(_parse_seconds)] = 30.0
    conflict: Literal["rejected", "delivered"] = "rejected"


class Limits(_Table):
    """When a run is hopeless and stops."""

    max_rejects: Annotated[MaxRejects, BeforeValidator(_parse_max_rejects)] = MaxRejects(None, 1.0)


class Job(_Table):
    """One job file, parsed. `path` is the file itself, `text` what it holds; source paths are relative to its folder."""

    path: Path
    text: Annotated[str, Field(repr=False)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    source: SourceSpec
    filter: FilterSpec | None = None
    event: EventSpec
    upload: UploadSpec = UploadSpec()
    limits: Limits = Limits()
    keep: bool = False

    @property
    def folder(self) -> Path:
        """The job file's own folder."""
        return self.path.parent


def _list_names(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names) if names else "none of them"
