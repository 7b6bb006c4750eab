"""A job whose ledger is open: what staging, sending, closing and adopting work on."""

from dataclasses import dataclass
from pathlib import Path

from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.state.place import JobPlace

__all__ = ["OpenJob"]


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job, the place of its state, and its ledger, which is open."""

    job: Job
    place: JobPlace
    ledger: Ledger

    @property
    def folder(self) -> Path:
        """The folder of its state."""
        return self.place.folder
