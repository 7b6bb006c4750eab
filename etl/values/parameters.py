"""What a job file's `${NAME}` stand for, as a value: a command or a caller gives it, loading a job fills it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

__all__ = ["NO_PARAMETERS", "Parameters"]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a job file's parameters are: those `given` by name, else variables of the environment.

    `since` and `until`, where set, stand for those of the job's `[source]`.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    def find(self, name: str) -> str | None:
        """Return the value of `name`; None where it isn't set, or is empty in the environment."""
        return self.given[name] if name in self.given else self.environ.get(name) or None


NO_PARAMETERS: Final = Parameters()
