"""What every table of a job file is: it never changes, takes no key that it doesn't know, and reads nothing as what it
isn't.
"""

from pydantic import BaseModel, ConfigDict

__all__ = ["Table"]


class Table(BaseModel):
    """One table of a job file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
