"""What a preset is: the mapping of one export that people really have. A value only."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Preset", "RowsOf"]


class RowsOf(NamedTuple):
    """Which rows are wanted, in SQL, where the export has the column; the others are of another kind."""

    column: str
    sql: str
    why: str


@dataclass(frozen=True, slots=True)
class Preset:
    """One export: `signature` are columns it always has, `looks` how their texts look; `event`, `user`
    and `properties` what they become.

    `alternatives` names, for a field, other columns to take where the first is not there. `check` says what the export
    can't tell. Of a JSON document, `inner` leads from the list that was found to the rows, and `beside` names what
    stands beside them. `params` are names that a parameter of an address may have, most likely first.
    """

    title: str
    signature: tuple[str, ...]
    event: dict[str, Any]
    user: dict[str, Any] = field(default_factory=dict)
    check: dict[str, str] = field(default_factory=dict)
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)
    rows: RowsOf | None = None
    inner: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
