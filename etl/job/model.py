"""The job file as values: what a TOML job says, parsed once and never checked again.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)

from etl.job.amounts import MaxRejects, Rate, parse_max_rejects, parse_moment, parse_rate, parse_seconds
from etl.job.event_spec import EventSpec, FieldSpec, IdSpec, PropertiesSpec, TimestampSpec
from etl.job.table import Table
from etl.job.unattended import NoticeCause, NotifySpec, StateSpec

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
    "NdjsonSpec",
    "NoticeCause",
    "NotifySpec",
    "PropertiesSpec",
    "Rate",
    "SourceSpec",
    "StateSpec",
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


def _is_plain_character(text: str) -> bool:
    return len(text) == 1 and text.isascii() and text not in "\r\n\0"


def _check_separator(text: str) -> str:
    if not _is_plain_character(text):
        raise ValueError('one ASCII character like ";" or "\\t", not a line end')
    return text


def _check_quote(text: str) -> str:
    if text and not _is_plain_character(text):
        raise ValueError('one ASCII character like "\'", or "" for none')
    return text


def _check_comment(text: str) -> str:
    if not text.isascii() or any(char in text for char in "\r\n\0"):
        raise ValueError('an ASCII prefix like "#", or "" for none')
    return text


class CsvDialect(Table):
    """How the delimited files are written."""

    separator: Annotated[str, AfterValidator(_check_separator)] | None = None
    quote: Annotated[str, AfterValidator(_check_quote)] = '"'
    escape: Annotated[str, AfterValidator(_check_quote)] = ""
    comment: Annotated[str, AfterValidator(_check_comment)] = ""
    skip_lines: Annotated[int, Field(ge=0)] = 0
    header: bool = True
    columns: tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ("",)
    encoding: str = "utf-8"

    @model_validator(mode="after")
    def _tells_characters_apart(self) -> Self:
        given = [char for char in (self.separator, self.quote, self.escape) if char]
        if len(set(given)) != len(given):
            raise ValueError(
                "a separator, a quote and an escape that differ; a doubled quote is understood without `escape`"
            )
        if self.comment and self.comment[0] in given:
            raise ValueError(
                "a comment prefix that starts with neither the separator, the quote nor the escape"
            )
        return self

    @model_validator(mode="after")
    def _names_columns(self) -> Self:
        if not self.header and not self.columns:
            raise ValueError("`columns`, the names of the columns in order, because `header = false`")
        if self.columns and len(set(self.columns)) != len(self.columns):
            repeated = sorted({name for name in self.columns if self.columns.count(name) > 1})
            raise ValueError(f"column names that differ; `{repeated[0]}` is named twice")
        return self


class NdjsonSpec(Table):
    """Which keys of an NDJSON file's objects are columns: all of them, or `keys`, and the others as one object called
    `rest`.
    """

    keys: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    rest: Annotated[str, Field(min_length=1)] | None = None
    max_keys: Annotated[int, Field(ge=1, le=100_000)] = 2_000

    @model_validator(mode="after")
    def _takes_every_key(self) -> Self:
        if (self.keys is None) != (self.rest is None):
            raise ValueError(
                "`keys` and `rest` together, because what isn't a column of its own must be somewhere"
            )
        if self.keys is not None and self.rest in self.keys:
            raise ValueError(f"a name for `rest` that isn't one of `keys`, found `{self.rest}`")
        return self


def _parse_hook(value: object) -> object:
    """Return the hook: a file of the job's own folder and a function in it, for nothing else is ever run."""
    wanted = 'a Python file beside the job file and a function in it, like "mapping.py:clean"'
    if not isinstance(value, str) or not re.fullmatch(r"[^:\\\x00]+\.py:[^\W\d]\w*", value):
        raise ValueError(wanted)
    file = Path(value.partition(":")[0])
    if file.is_absolute() or ".." in file.parts:
        raise ValueError(f"{wanted}, inside the job file's own folder")
    return value


# What lies beside the jobs' folders: the embedded sandbox's store, the schema that `init` writes.
_STATE_NAMES: Final = ("sandbox.db", "job.schema.json")


class SourceSpec(Table):
    """Which files hold the rows, and how to read them."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    format: Literal["csv", "tsv", "ndjson", "parquet"] | None = None
    mode: Literal["once", "incremental"] = "once"
    on_change: Literal["error", "restage", "ignore"] = "error"
    on_correction: Literal["report", "send", "reject"] = "report"
    since: Annotated[AwareDatetime, BeforeValidator(parse_moment)] | None = None
    until: Annotated[AwareDatetime, BeforeValidator(parse_moment)] | None = None
    watermark: str | None = None
    csv: CsvDialect = CsvDialect()
    ndjson: NdjsonSpec = NdjsonSpec()
    transform: Annotated[str, BeforeValidator(_parse_hook)] | None = None


class FilterSpec(Table):
    """Which rows are wanted: those where the SQL is true. The others are skipped."""

    sql: str


def _check_name(value: str) -> str:
    """Return the job's name, which is that of its folder of state."""
    if value.lower().startswith(_STATE_NAMES):
        raise ValueError(f"a name that no file of the state folder has, found `{value}`")
    return value


class UploadSpec(Table):
    """Where the events go, and how fast."""

    endpoint: str = DEFAULT_ENDPOINT
    rate: Annotated[Rate, BeforeValidator(parse_rate)] = Rate(20.0)
    concurrency: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    timeout: Annotated[float, BeforeValidator(parse_seconds)] = 30.0
    max_wait: Annotated[float, BeforeValidator(parse_seconds)] = 3600.0
    conflict: Literal["rejected", "delivered"] = "rejected"


Moment = Annotated[AwareDatetime, BeforeValidator(parse_moment)]


class Limits(Table):
    """When a run is hopeless and stops, and which times are credible (`not_after`: a day after the run's start).

    `open_rejects`: whether rejects of earlier runs, neither retried nor dismissed, are told or make the run fail (exit
    3).
    """

    max_rejects: Annotated[MaxRejects, BeforeValidator(parse_max_rejects)] = MaxRejects(None, 1.0)
    open_rejects: Literal["warn", "fail"] = "warn"
    not_before: Moment = datetime(2000, 1, 1, tzinfo=UTC)
    not_after: Moment | None = None

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        if self.not_after is not None and self.not_after <= self.not_before:
            raise ValueError(
                f"`not_after` later than `not_before`, found {self.not_after} and {self.not_before}"
            )
        return self


class Job(Table):
    """One job file, parsed. `path` is the file itself, `text` what it holds; source paths are relative to its
    folder.
    """

    path: Path
    text: Annotated[str, Field(repr=False)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), AfterValidator(_check_name)]
    source: SourceSpec
    filter: FilterSpec | None = None
    event: EventSpec
    upload: UploadSpec = UploadSpec()
    limits: Limits = Limits()
    notify: NotifySpec = NotifySpec()
    state: StateSpec = StateSpec()
    keep: bool = False

    @property
    def folder(self) -> Path:
        """The job file's own folder."""
        return self.path.parent
