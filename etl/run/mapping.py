"""Guards the ids of what was delivered: a job whose mapping changed since is refused, with what would change."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from etl.errors import InputError, JobError
from etl.event import ID_SCHEME_VERSION
from etl.job.model import Job
from etl.ledger.store import Ledger
from etl.ledger.values import LoadEntry
from etl.run.kept import kept_folder
from etl.run.retention import cleared_through
from etl.run.rows import open_rows, transform_rows
from etl.transform.hook import hook_digest

__all__ = ["accept_mapping", "check_mapping", "is_mapped_alike", "mapping_fingerprint", "reads_alike"]

ACCEPTED: Final = "accepted_mapping"
# Which rows are read, and when, changes none of them.
WHICH_ROWS: Final = {"paths", "mode", "on_change", "on_correction", "since", "until", "watermark"}


def mapping_fingerprint(job: Job) -> str:
    """Return a digest of all in the job that decides what a row's event and id are."""
    parts = {"event": job.event.model_dump(mode="json", exclude_defaults=True)}
    if job.source.transform is not None:
        parts["transform"] = {"function": job.source.transform, "sha256": hook_digest(job)}
    return f"{_digest(parts)}.{_reading_fingerprint(job)}"


def reads_alike(job: Job, load: LoadEntry) -> bool:
    """Whether the job reads a file as it did when `load` was staged: the same rows and cells come of the same bytes."""
    return load.mapping.rpartition(".")[2] == _reading_fingerprint(job)


def is_mapped_alike(job: Job, load: LoadEntry) -> bool:
    """Whether `load` was staged under the job's mapping as it is now, and under this version's id scheme."""
    return load.mapping == mapping_fingerprint(job) and load.id_scheme_version == ID_SCHEME_VERSION


def _reading_fingerprint(job: Job) -> str:
    # How many keys may be columns changes none of them.
    source = job.source.model_dump(mode="json", exclude_defaults=True, exclude=WHICH_ROWS | {"transform"})
    source.get("ndjson", {}).pop("max_keys", None)
    return _digest({key: value for key, value in source.items() if value != {}})


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def accept_mapping(job: Job, ledger: Ledger) -> None:
    """Note that new ids were asked for: from here on the job's mapping, and this version's id scheme, are the right ones."""
    ledger.set_meta(ACCEPTED, _accepted(job))


def check_mapping(job: Job, folder: Path, ledger: Ledger, started: datetime) -> None:
    """Raise `JobError` where events were delivered under another mapping or id scheme than the job's now."""
    loads = [load for load in ledger.loads() if load.kind == "files"]
    if not loads or ledger.meta(ACCEPTED) == _accepted(job) or not ledger.delivered_any():
        return
    newest = loads[-1]
    if newest.id_scheme_version != ID_SCHEME_VERSION:
        raise JobError(
            f"Expected events with ids of scheme {newest.id_scheme_version}, as the delivered ones have, found scheme "
            f"{ID_SCHEME_VERSION} in this version of backfill - {job.path}",
            "Go on with the version that delivered them, or give what is new ids of the new scheme: --accept-new-mapping",
        )
    if newest.mapping != mapping_fingerprint(job):
        raise JobError(
            (
                "Expected the mapping with which this job's events were delivered, found [event] or [source] changed - "
                f"{job.path}",
                _explain_change(job, folder, ledger, newest, started),
            ),
            "Set the mapping back, or go on with --accept-new-mapping: what was delivered stays as it is, what is new follows the new "
            "mapping. To mend rejects alone: backfill retry",
        )


def _accepted(job: Job) -> str:
    return f"{ID_SCHEME_VERSION}:{mapping_fingerprint(job)}"


def _explain_change(job: Job, folder: Path, ledger: Ledger, load: LoadEntry, started: datetime) -> str:
    """Say, from the first rows of the load's first file, which ids would change."""
    try:
        before, after, name = _sample(job, folder, ledger, load, started)
    except InputError:
        return "Which ids would change can't be told: the files that were delivered are gone or changed"
    both = before.join(after, on="row", how="inner", suffix="_now").sort("row")
    changed = both.filter(pl.col("id") != pl.col("id_now"))
    if not both.height:
        return "Which ids would change can't be told: no row of the first ones becomes an event any more"
    if not changed.height:
        return f"Of the first {both.height:,} rows of {name} that were staged, none would get another id; what is sent under it may differ"
    row, old, new = changed.select("row", "id", "id_now").row(0)
    return (
        f"Of the first {both.height:,} rows of {name} that were staged, {changed.height:,} would get another id: "
        f"row {row} has {old}, and would get {new}"
    )


def _sample(
    job: Job, folder: Path, ledger: Ledger, load: LoadEntry, started: datetime
) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Return row and id of the first rows of the load, as they were staged and as they would be now; and their file."""
    source, plans = open_rows(job, started, with_source=False, fetched=folder / "fetched")
    names = [file.path for file in ledger.files(load.number)]
    index = next((index for index, file in enumerate(source.files) if file.name in names), None)
    if index is None:
        raise InputError("Expected a file of the load, found none", "Put it back")
    name = source.files[index].name
    batches = transform_rows(source, plans, iter([index]))
    after = next(batches).transformed.events.select("row", "id")
    close = getattr(batches, "close", None)
    if close is not None:
        close()
    last = after["row"].max()
    before = [
        part.filter(pl.col("file") == names.index(name)).select("row", "id")
        for part in _stored_ids(folder, ledger, load)
    ]
    rows = pl.concat([after.clear(), *before])
    return rows.filter(pl.col("row") <= (0 if last is None else last)), after, name


def _stored_ids(folder: Path, ledger: Ledger, load: LoadEntry) -> Iterator[pl.DataFrame]:
    if load.number <= cleared_through(ledger):
        raise InputError(
            "Expected the ids of the load, found them removed", "None: [state] keep_loads asks for it"
        )
    kept = kept_folder(folder, ledger, load.number)
    for part in range(min(load.n_parts, 2)):
        yield kept.read_ids(part, ["file", "row", "id"])
