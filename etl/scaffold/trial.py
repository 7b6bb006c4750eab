"""Tries a job on the first rows of its files, and looks for what keeps them from becoming events."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from etl.errors import BackfillError
from etl.intake.batches import open_rows
from etl.job.model import Job
from etl.report.init import Trial
from etl.values.rows import Batch

__all__ = ["SAMPLE_BYTES", "SAMPLE_ROWS", "Tried", "first_batch", "try_job"]

SAMPLE_ROWS: Final = 20_000
# The columns of a file of objects are only known when all of them are read: of a large one its head has to do.
SAMPLE_BYTES: Final = 4 << 20
_NO_REJECTS: Final = pl.DataFrame(schema={"code": pl.String, "field": pl.String, "found": pl.String})


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the sample: the counts, and the rejects with their code, field and what was found."""

    trial: Trial
    rejects: pl.DataFrame

    @property
    def share(self) -> float:
        """The share of the rows that became events."""
        return self.trial.events / self.trial.read if self.trial.read else 0.0


def try_job(job: Job, started: datetime) -> Tried:
    """Return what becomes of the first rows of each file."""
    read = events = rejected = 0
    reasons: dict[str, int] = {}
    rejects = [_NO_REJECTS]
    try:
        source, plans = open_rows(job, started, with_source=False, most_bytes=SAMPLE_BYTES)
        for file in range(len(source.files)):
            for batch in first_batch(source.batches(file)):
                done = plans.of(file).apply(batch.frame.head(SAMPLE_ROWS))
                malformed = [record for record in batch.malformed if record.row <= SAMPLE_ROWS]
                read += min(batch.frame.height, SAMPLE_ROWS) + len(malformed)
                events += done.events.height
                rejected += done.rejects.height + len(malformed)
                rejects.append(done.rejects.select("code", "field", "found"))
                for code in (*(record.code.value for record in malformed), *done.rejects["code"]):
                    reasons[code] = reasons.get(code, 0) + 1
    except BackfillError as error:
        return Tried(Trial(0, 0, 0, {}, f"{error.problem}\n{error.fix}"), _NO_REJECTS)
    ranked = dict(sorted(reasons.items(), key=lambda item: -item[1]))
    return Tried(Trial(read, events, rejected, ranked), pl.concat(rejects))


def first_batch(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the first batch alone, and stop whatever reads ahead."""
    for batch in batches:
        yield batch
        break
    if isinstance(batches, Generator):
        batches.close()
