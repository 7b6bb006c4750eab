"""What a job file says for the nights when nobody watches: whom to tell, and how much to keep.

Addresses of webhooks are secrets, so the file names the environment variables that hold them, never an address.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from etl.job.amounts import MaxRejects, parse_max_rejects
from etl.job.toml_table import Table
from etl.job.unfit import Unfit

__all__ = ["Keeping", "NoticeCause", "NotifySpec", "StateSpec"]

# Whether the staged events of finished loads are kept.
Keeping = bool | Literal["until-verified"]
NoticeCause = Literal["failure", "rejects", "nothing_new"]


def _parse_variable(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise Unfit(
            "the name of an environment variable like BACKFILL_WEBHOOK_URL, because an address is a secret "
            "and never in a job file",
            is_shown=False,
        )
    return value


def _parse_share(value: object) -> MaxRejects:
    try:
        share = parse_max_rejects(value)
    except ValueError:
        share = MaxRejects(None, None)
    if share.share is None:
        raise Unfit('a share of the rows like "1%"')
    return share


Variable = Annotated[str, BeforeValidator(_parse_variable)]


class NotifySpec(Table):
    """Whom to tell how a run went. `webhook_env` and `heartbeat_env` name variables; the variables hold addresses.

    A notice goes out for the causes in `on`: a run that failed, more rejects than `rejects_share` of the rows,
    no new rows for `nothing_new_days`. The heartbeat tells of every run.
    """

    webhook_env: Variable | None = Field(None, examples=["BACKFILL_WEBHOOK_URL"])
    """The environment variable that holds the address of a webhook: it gets a notice of what `on` lists."""
    heartbeat_env: Variable | None = Field(None, examples=["BACKFILL_HEARTBEAT_URL"])
    """The environment variable that holds the address of a monitor: it hears of every run, and how it ended."""
    on: tuple[NoticeCause, ...] = Field(("failure", "rejects", "nothing_new"), examples=[["failure"]])
    """What is worth a notice: a run that failed, more rejects than `rejects_share`, nothing new for
    `nothing_new_days`."""
    rejects_share: Annotated[MaxRejects, BeforeValidator(_parse_share)] = Field(
        MaxRejects(None, 0.0), examples=["1%"]
    )
    """Up to this share of the rows, rejects are worth no notice."""
    nothing_new_days: Annotated[int, Field(ge=1, le=3650)] = Field(3, examples=[7])
    """After so many days without new rows a notice goes out."""


class StateSpec(Table):
    """How much of the past to keep: of which loads the parts, or any files, and the logs of which runs."""

    keep: Keeping = Field(False, examples=["until-verified"])
    """The staged events of finished loads, not their ids alone: `true` always, `"until-verified"` until `verify` has
    confirmed each of them, so that `--repair` needs no source. About as much room as the source takes."""
    keep_loads: Annotated[int, Field(ge=1)] | None = Field(None, examples=[12])
    """How many loads keep their ids and rejects, the newest ones; of older ones the books stay. Left out: all."""
    keep_logs: Annotated[int, Field(ge=1, le=10_000)] = Field(30, examples=[90])
    """How many runs keep their logs, the newest ones."""
