"""The job file as values: what a TOML job says, parsed once and never checked again.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from etl.job.amounts import MaxRejects, Rate, parse_rate
from etl.job.event_spec import EventSpec, FieldSpec, IdSpec, PropertiesSpec, TimestampSpec
from etl.job.source_spec import CsvDialect, ExcelSpec, JsonSpec, NdjsonSpec, SourceSpec
from etl.job.toml_table import Table
from etl.job.unattended import Keeping, NoticeCause, NotifySpec, StateSpec
from etl.job.unfit import Unfit
from etl.job.upload_spec import DEFAULT_ENDPOINT, Limits, UploadSpec

__all__ = [
    "DEFAULT_ENDPOINT",
    "EVENT_FIELDS",
    "OWN_FIELDS",
    "CsvDialect",
    "EventSpec",
    "ExcelSpec",
    "FieldSpec",
    "FilterSpec",
    "IdSpec",
    "Job",
    "JsonSpec",
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

EVENT_FIELDS = (
    "type",
    "entityType",
    "messageId",
    "conversationId",
    "searchQuery",
    "projectId",
    "integrationId",
)


# Fields of a `Job` that are no keys of a job file.
OWN_FIELDS: Final = ("path", "text", "parameters")

# What lies beside the jobs' folders: the embedded sandbox's store, the schema that `init` writes.
_STATE_NAMES: Final = ("sandbox.db", "job.schema.json")


class FilterSpec(Table):
    """Which rows are wanted: those where the SQL is true. The others are skipped."""

    sql: str = Field(examples=["region <> 'test'"])
    """A Polars SQL expression of the row's own columns; rows for which it isn't true are skipped."""


def _check_name(value: str) -> str:
    """Return the job's name, which is that of its folder of state."""
    if value.lower().startswith(_STATE_NAMES):
        raise Unfit("a name that no file of the state folder has", f"`{value}`")
    return value


class Job(Table):
    """One job file, parsed. `path` is the file, `text` what it holds; source paths are relative to its folder.

    `parameters` are those that the file uses, by name, with the values that are filled in.
    """

    path: Path
    text: Annotated[str, Field(repr=False)]
    parameters: dict[str, str] = Field(default_factory=dict)
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), AfterValidator(_check_name)] = (
        Field(examples=["docs-search-2023"])
    )
    """What the job is called, and its folder of state: letters, digits, dots, dashes and underscores."""
    source: SourceSpec
    """Which files hold the rows, and how to read them."""
    filter: FilterSpec | None = None
    """Which rows are wanted."""
    event: EventSpec
    """Which column becomes which field of the event."""
    upload: UploadSpec = UploadSpec()
    """Where the events go, and how fast."""
    limits: Limits = Limits()
    """When a run is hopeless and stops, and which times are credible."""
    notify: NotifySpec = NotifySpec()
    """Whom to tell how a run went."""
    state: StateSpec = StateSpec()
    """How much of the past to keep."""
    keep: bool = Field(False, examples=[True])
    """The same as `keep = true` under `[state]`."""

    @property
    def folder(self) -> Path:
        """The job file's own folder."""
        return self.path.parent

    @property
    def keeps(self) -> Keeping:
        """Whether the staged events of finished loads are kept."""
        return self.keep or self.state.keep
