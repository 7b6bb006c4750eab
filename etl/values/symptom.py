"""One thing that `doctor` looked at, as a value."""

from dataclasses import dataclass
from typing import Any, Literal

from etl.errors import BackfillError

__all__ = ["Symptom"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """What `doctor` looked at, how it is, what was found and how to mend it; a problem has a run's exit code."""

    name: str
    status: Literal["ok", "warning", "problem"]
    found: str
    fix: str = ""
    exit_code: int = 0

    @classmethod
    def of(cls, name: str, error: BackfillError) -> "Symptom":
        """Return the problem that `error` tells of."""
        return cls(name, "problem", error.problem, error.fix, error.exit_code)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `doctor --json` writes."""
        return {
            "name": self.name,
            "status": self.status,
            "found": self.found,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }
