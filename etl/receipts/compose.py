"""Composes the receipt of a load from the ledger and the ids that are kept, and writes the ids that it is of."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import BinaryIO

import polars as pl

from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.receipts.ids_digest import digest_ids
from etl.stage.kept import KeptFolder, read_ids_at
from etl.state.kept_load import kept_folder
from etl.state.rejects import count_rejects, reject_frames
from etl.values.receipt import (
    Receipt,
    ReceiptBooks,
    ReceiptCount,
    ReceiptSource,
    ReceiptVerification,
)
from etl.values.verification import Verification

__all__ = ["compose_receipt", "write_ids"]


def compose_receipt(folder: Path, ledger: Ledger, load: LoadEntry, *, issued_at: float) -> Receipt:
    """Return what a receipt of `load` says now, without its place in the chain."""
    kept, books = kept_folder(folder, ledger, load.number), ledger.books(load.number)
    delivered = pl.concat([_NO_EVENTS, *_read_delivered(ledger, kept, load.number)])
    counts = (
        delivered.group_by("day", "entity_type", "type")
        .agg(pl.col("events").sum())
        .sort("day", "entity_type", "type")
    )
    verification = ledger.proofs.newest(load.number)
    return Receipt(
        job=ledger.job,
        load=load.number,
        tool_version=_tool_version(),
        id_scheme_version=load.id_scheme_version,
        mapping=load.mapping,
        endpoint=ledger.endpoint,
        sources=tuple(
            ReceiptSource(path=file.path, size_bytes=file.size, sha256=file.sha256, rows=file.rows)
            for file in ledger.files(load.number)
        ),
        books=ReceiptBooks(**{name: getattr(books, name) for name in ReceiptBooks.model_fields}),
        events=tuple(ReceiptCount(**row) for row in counts.iter_rows(named=True)),
        first_event_at=delivered["first"].min(),
        last_event_at=delivered["last"].max(),
        ids_sha256=_digest(ledger, kept, load.number, books.delivered, None),
        found_there=ledger.proofs.count_found(load.number),
        rejects=count_rejects(reject_frames(folder, ledger, [load.number], ["code"])),
        staged_at=_moment(load.staged_at),
        completed_at=None if load.completed_at is None else _moment(load.completed_at),
        issued_at=_moment(issued_at),
        verification=_verification(verification),
        previous_sha256=None,
    )


def write_ids(folder: Path, ledger: Ledger, load: int, out: BinaryIO) -> None:
    """Write the ids of the delivered events of `load`, sorted, one a line: what `ids_sha256` is the digest of."""
    kept = kept_folder(folder, ledger, load)
    _digest(ledger, kept, load, ledger.books(load).delivered, out)


_NO_EVENTS = pl.DataFrame(
    schema={
        "day": pl.Date,
        "entity_type": pl.String,
        "type": pl.String,
        "events": pl.UInt32,
        "first": pl.Datetime("us", "UTC"),
        "last": pl.Datetime("us", "UTC"),
    }
)


def _read_delivered(ledger: Ledger, kept: KeptFolder, load: int) -> Iterator[pl.DataFrame]:
    """Yield the delivered events of each part, counted by day and type."""
    for part in ledger.parts(load):
        if part.n_delivered:
            events = read_ids_at(kept, part.number, part.delivered, ["created_at", "type"], ["entity_type"])
            if "entity_type" not in events.columns:  # staged by an older backfill
                events = events.with_columns(entity_type=pl.lit(""))
            yield (
                events.group_by(pl.col("created_at").dt.date().alias("day"), "entity_type", "type")
                .agg(events=pl.len(), first=pl.col("created_at").min(), last=pl.col("created_at").max())
                .select(pl.col(name).cast(dtype) for name, dtype in _NO_EVENTS.schema.items())
            )


def _digest(ledger: Ledger, kept: KeptFolder, load: int, count: int, out: BinaryIO | None) -> str:
    parts = [part for part in ledger.parts(load) if part.n_delivered]

    def read(part: int, bits: bytes) -> pl.Series:
        return read_ids_at(kept, part, bits)["id"]

    with tempfile.TemporaryDirectory(prefix=".ids-", dir=kept.folder) as scratch:
        readers = [partial(read, part.number, part.delivered) for part in parts]
        return digest_ids(readers, count, Path(scratch), out=out)


def _verification(found: Verification | None) -> ReceiptVerification | None:
    if found is None or found.ended_at is None:
        return None
    counts = {
        name: getattr(found.counts, name)
        for name in ReceiptVerification.model_fields
        if hasattr(found.counts, name)
    }
    return ReceiptVerification(ended_at=_moment(found.ended_at), is_sample=found.sample is not None, **counts)


def _moment(seconds: float) -> datetime:
    # To the millisecond, so that it reads back as it was written.
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def _tool_version() -> str:
    try:
        return version("inkeep-backfill")
    except PackageNotFoundError:  # run from a checkout
        return "unknown"
