"""Tells whether two mappings give the same events and ids, and which mapping a job was accepted with."""

import hashlib
import json
from typing import Final

from etl.event import ID_SCHEME_VERSION
from etl.job.model import Job
from etl.ledger.facts import LoadEntry
from etl.ledger.store import Ledger
from etl.transform.hook import hook_digest

__all__ = [
    "accept_mapping",
    "is_accepted",
    "is_mapped_alike",
    "mapping_fingerprint",
    "mapping_of",
    "reads_alike",
]

# Which rows are read, and when, changes none of them.
WHICH_ROWS: Final = {"paths", "mode", "on_change", "on_correction", "since", "until", "watermark", "sheet"}


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
    for table in ("ndjson", "json_"):
        source.get(table, {}).pop("max_keys", None)
    return _digest({key: value for key, value in source.items() if value != {}})


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def accept_mapping(job: Job, ledger: Ledger) -> None:
    """Note that the user accepted new ids: the job's mapping and this version's ids are the right ones from now on."""
    ledger.notes.accepted_mapping = mapping_of(job)


def is_accepted(job: Job, ledger: Ledger) -> bool:
    """Whether the job's mapping as it is now was accepted, beside what was delivered under another one."""
    return ledger.notes.accepted_mapping == mapping_of(job)


def mapping_of(job: Job) -> str:
    """Return what tells the ids that the job gives now from those that it gave under another mapping or scheme."""
    return f"{ID_SCHEME_VERSION}:{mapping_fingerprint(job)}"
