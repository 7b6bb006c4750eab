"""Upload years of historical logs to the Inkeep Analytics events API: typed, checkpointed, resumable.

from etl import dismiss, load_job, preview, read_rejects, retry, run, status, validate

    job = load_job("jobs/search.toml")
    validate(job)                      # every row checked; nothing sent, no key needed
    run(job, sandbox=True)             # a rehearsal against a local stand-in
    run(job, check=True)               # the upload; raises unless every row is settled
    read_rejects(job)                  # what was left behind, as a Polars frame
    verify(job)                        # each delivered event asked for at the destination, by its id
    receipt(job).ids_sha256            # what was delivered, as a document to keep
    next(events(job))                  # the typed events that its rows become
    dismiss(job, codes=["unparsable_timestamp"], reason="a test account")

Rule: importing this loads nothing else; each name is found when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.api import ProgressView, retry, run, validate
    from etl.api_inspect import dismiss, load_job, preview, read_rejects, status
    from etl.api_proof import adopt, receipt, verify
    from etl.errors import (
        BackfillError,
        DestinationDiffers,
        EndpointError,
        Incomplete,
        InputError,
        JobError,
        JobLocked,
        KeyProblem,
        LimitReached,
        StateError,
    )
    from etl.event import ConversationEvent, Event, MessageEvent, SearchEvent, StoredEvent
    from etl.job.model import Job
    from etl.report.preview import Preview
    from etl.state.dismiss import Dismissed
    from etl.values.adoption import Adoption
    from etl.values.books import Books
    from etl.values.findings import Finding, Validation
    from etl.values.outcome import Outcome
    from etl.values.receipt import Receipt
    from etl.values.status import Standing
    from etl.values.verification import JobVerification

__all__ = [
    "Adoption",
    "BackfillError",
    "Books",
    "ConversationEvent",
    "DestinationDiffers",
    "Dismissed",
    "EndpointError",
    "Event",
    "EventReader",
    "Finding",
    "Incomplete",
    "InputError",
    "Job",
    "JobError",
    "JobLocked",
    "JobVerification",
    "KeyProblem",
    "LimitReached",
    "MessageEvent",
    "Outcome",
    "Preview",
    "ProgressView",
    "Receipt",
    "RejectedRow",
    "RowsLeftOut",
    "SearchEvent",
    "Standing",
    "StateError",
    "StoredEvent",
    "Validation",
    "adopt",
    "dismiss",
    "events",
    "load_job",
    "preview",
    "read_rejects",
    "receipt",
    "retry",
    "run",
    "status",
    "validate",
    "verify",
]

_HOMES = {
    "Adoption": "etl.values.adoption",
    "ConversationEvent": "etl.event",
    "Event": "etl.event",
    "JobVerification": "etl.values.verification",
    "MessageEvent": "etl.event",
    "SearchEvent": "etl.event",
    "StoredEvent": "etl.event",
    "EventReader": "etl.api_events",
    "Receipt": "etl.values.receipt",
    "RejectedRow": "etl.api_events",
    "RowsLeftOut": "etl.api_events",
    "adopt": "etl.api_proof",
    "events": "etl.api_events",
    "receipt": "etl.api_proof",
    "dismiss": "etl.api_inspect",
    "Dismissed": "etl.state.dismiss",
    "verify": "etl.api_proof",
    "Books": "etl.values.books",
    "Finding": "etl.values.findings",
    "Job": "etl.job.model",
    "Outcome": "etl.values.outcome",
    "ProgressView": "etl.api",
    "Validation": "etl.values.findings",
    "Preview": "etl.report.preview",
    "Standing": "etl.values.status",
    "load_job": "etl.api_inspect",
    "preview": "etl.api_inspect",
    "read_rejects": "etl.api_inspect",
    "retry": "etl.api",
    "run": "etl.api",
    "status": "etl.api_inspect",
    "validate": "etl.api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module `etl` has no attribute `{name}`")
    return getattr(importlib.import_module(_HOMES.get(name, "etl.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__"]
