"""The `[upload]` and `[limits]` parts of a job file as values: where the events go, how fast, and when to stop.

Every stage may read these; only `etl.job.load` makes them. Nothing here opens a file.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from etl.job.amounts import MaxRejects, Moment, Rate, parse_max_rejects, parse_rate, parse_seconds
from etl.job.toml_table import Table
from etl.job.unfit import Unfit

__all__ = ["DEFAULT_ENDPOINT", "Limits", "UploadSpec"]

DEFAULT_ENDPOINT = "https://api.analytics.inkeep.com"


def _check_variable(name: str) -> str:
    """Return the name of the variable; what may be the key itself is refused, and not shown."""
    if not re.fullmatch("[A-Z][A-Z0-9_]{0,63}", name):
        raise Unfit(
            "the name of an environment variable in capitals, like `STAGING_INKEEP_KEY`", is_shown=False
        )
    return name


class UploadSpec(Table):
    """Where the events go, and how fast."""

    endpoint: str = Field(DEFAULT_ENDPOINT, examples=["https://api.analytics.inkeep.com"])
    """The events API. Its host must be yours to trust: the key is sent there."""
    key_env: Annotated[str, AfterValidator(_check_variable)] | None = Field(
        None, examples=["STAGING_INKEEP_KEY"]
    )
    """The environment variable that holds this job's API key. Left out: INKEEPANALYTICS_API_INTEGRATION_KEY, else
    INKEEPANALYTICS_WEB_INTEGRATION_KEY; with it, neither is used."""
    rate: Annotated[Rate, BeforeValidator(parse_rate)] = Field(Rate(20.0), examples=["600/min", "max"])
    """At most so many events in any second, minute or hour; `max` is as many as the destination takes. A rate that
    the server grants holds, too."""
    concurrency: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field("auto", examples=[32])
    """At most so many requests at once. `auto` finds out how many are of use."""
    timeout: Annotated[float, BeforeValidator(parse_seconds)] = Field(30.0, examples=["10s"])
    """How long one request may take before it is asked again."""
    max_wait: Annotated[float, BeforeValidator(parse_seconds)] = Field(3600.0, examples=["10m"])
    """A server that asks to wait for longer, or grants less than one event in this time, ends the run (exit 5)."""
    conflict: Literal["rejected", "delivered"] = Field("rejected", examples=["delivered"])
    """What an answer of 409 to an event means: it is a reject, or it is there already."""
    overlap: Literal["check", "send"] = Field("check", examples=["send"])
    """Whether a new load is looked for at the destination before any of it is sent: what is there already stops the run
    (exit 9), before it is sent a second time."""
    canary: Annotated[int, Field(ge=0, le=10_000)] = Field(0, examples=[20])
    """How many events of each new load go first. They stand for it (each entity and type, the oldest and the newest,
    the largest, each file), are asked for by id and compared field by field: unless all are there as they were sent,
    the others stay pending (exit 9). 0: none. The key must be able to read."""
    on_uncertain: Literal["ask", "resend"] | None = Field(None, examples=["resend"])
    """An event that may be stored although no answer proves it is asked for by its id before it is sent again
    (`ask`), or sent again at once (`resend`). Left out: asked for where the key can read."""
    patience: Annotated[float, BeforeValidator(parse_seconds)] = Field(120.0, examples=["5m"])
    """How long the destination may take to show an event: one that isn't there by then is sent again."""


class Limits(Table):
    """When a run is hopeless and stops, and which times are credible."""

    max_rejects: Annotated[MaxRejects, BeforeValidator(parse_max_rejects)] = Field(
        MaxRejects(None, 1.0), examples=["1%", 500]
    )
    """With more rejects than this, a share of the rows or a count, nothing more is sent (exit 10): then the job is
    wrong, not the rows."""
    open_rejects: Literal["warn", "fail"] = Field("warn", examples=["fail"])
    """Rejects of earlier runs that were neither retried nor dismissed: tell of them (`warn`), or exit 3 as well
    (`fail`)."""
    not_before: Moment = Field(datetime(2000, 1, 1, tzinfo=UTC), examples=["2015-01-01"])
    """A row with an earlier time is a reject."""
    not_after: Moment | None = Field(None, examples=["2024-12-31"])
    """A row with a later time is a reject. Left out: a day after the run's start."""

    @model_validator(mode="after")
    def _are_in_order(self) -> Self:
        if self.not_after is not None and self.not_after <= self.not_before:
            raise Unfit("`not_after` later than `not_before`", f"{self.not_after} and {self.not_before}")
        return self
