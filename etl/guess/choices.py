"""What a guess is: a choice, why it was made, and how sure it is. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Choice", "Dialect", "JobGuess", "Reading", "Sureness"]


class Sureness(StrEnum):
    """How sure a choice is; `check` marks what the file alone can't tell."""

    SURE = "sure"
    LIKELY = "likely"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that `init` writes into the job file, and why: a column's name, or a table like `{"column": "ts"}`."""

    value: Any
    why: str
    sureness: Sureness = Sureness.SURE


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written; `columns` are names that the job has to give, else None.

    `shape` are further keys of [source.csv]. `has_names`: the names are the file's own. `repeated` is the first name of
    a header that comes again between the rows.
    """

    encoding: str
    separator: str
    columns: tuple[str, ...] | None
    null_values: tuple[str, ...]
    shape: dict[str, Any] = field(default_factory=dict)
    has_names: bool = True
    repeated: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files are read. `says_format`: their names don't tell their format, so the job must.

    `source` are choices for keys of [source], `table` for those of the format's own table there.
    """

    format: str
    says_format: bool = False
    dialect: Dialect | None = None
    source: dict[str, Choice] = field(default_factory=dict)
    table: dict[str, Choice] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def has_names(self) -> bool:
        """Whether the columns' names are the files' own."""
        return "columns" not in self.table and (self.dialect is None or self.dialect.has_names)

    def choices(self) -> dict[str, Choice]:
        """Return the choices with the keys that a person knows them by."""
        inside = {f"source.{self.format}.{key}": choice for key, choice in self.table.items()}
        return {**{f"source.{key}": choice for key, choice in self.source.items()}, **inside}


@dataclass(frozen=True, slots=True)
class JobGuess:
    """A whole job. `event` holds the choices for [event]'s keys, in order; `every_column` sends all others too."""

    event: dict[str, Choice]
    properties: dict[str, Choice] = field(default_factory=dict)
    user_properties: dict[str, Choice] = field(default_factory=dict)
    every_column: bool = False
    candidate_keys: tuple[str, ...] = ()
    row_filter: Choice | None = None
    preset: str | None = None
    not_before: Choice | None = None

    def to_check(self) -> list[tuple[str, Choice]]:
        """Return the choices that a person has to look at, with their keys."""
        choices = {**self.event, **({"filter": self.row_filter} if self.row_filter else {})}
        choices |= {"limits.not_before": self.not_before} if self.not_before else {}
        return [(key, choice) for key, choice in choices.items() if choice.sureness is Sureness.CHECK]
