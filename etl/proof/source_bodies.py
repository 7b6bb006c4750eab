"""Reads again from its source what was sent: the bodies of events whose parts have given way to their ids."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from etl.errors import BackfillError
from etl.intake.batches import open_rows, transform_rows
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.values.canonical import digest_body

__all__ = ["bodies_again"]


def bodies_again(
    job: Job, folder: Path, ledger: Ledger, load: int, wanted: Mapping[str, bytes | None]
) -> Iterator[tuple[str, str]]:
    """Yield the id and body of those of the `wanted` events that their source still gives, exactly as they were sent.

    `wanted` are digests by id, None where none was kept: then the id alone must be right. What the source, or the job
    as it is now, gives otherwise is left out, and so is everything where the source can't be read any more.
    """
    names = {file.path for file in ledger.files(load)}
    ids = pl.Series(list(wanted), dtype=pl.String)
    try:
        source, plan = open_rows(job, datetime.now(UTC), with_source=False, fetched=folder / "fetched")
        files = [index for index, file in enumerate(source.files) if file.name in names]
        for batch in transform_rows(source, plan, files):
            some = batch.transformed.events.filter(pl.col("id").is_in(ids.implode()))
            for event_id, body in some.select("id", "body").iter_rows():
                digest = wanted[event_id]
                if digest is None or digest_body(body) == digest:
                    yield event_id, body
    except BackfillError:
        return
