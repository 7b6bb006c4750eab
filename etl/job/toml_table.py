"""What every table of a job file has in common: its keys are checked, and documented where they are declared."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Table"]


class Table(BaseModel):
    """A table of a job file, parsed. The text under a key is what editors, the JSON Schema and the docs say of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
