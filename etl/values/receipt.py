"""The receipt of a load: one JSON document that an auditor can keep and check, and its JSON Schema. Pure.

Receipts form a chain: each holds the SHA-256 of the bytes of the one that was issued before it for the same job, so
that none can be changed or taken out unseen. A load has one when it is complete, and another when verifying it found
something new.
"""

import hashlib
from datetime import date
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from etl.errors import InputError
from etl.typed import type_command

__all__ = [
    "Receipt",
    "ReceiptBooks",
    "ReceiptCount",
    "ReceiptSource",
    "ReceiptVerification",
    "parse_receipt",
    "receipt_digest",
    "receipt_schema",
    "render_receipt",
]

VERSION: Final = 1
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ReceiptSource(_Part):
    """One source file, as it was when it was read."""

    path: str
    """Its path or address, as the job names it."""
    size_bytes: Count
    sha256: Sha256
    """Of its first `size_bytes` bytes."""
    rows: Count
    """The rows of the file that were read by this load and those before it."""


class ReceiptBooks(_Part):
    """The books of the load: read = delivered + rejected + duplicate + skipped + pending."""

    read: Count
    delivered: Count
    rejected: Count
    duplicate: Count
    skipped: Count
    pending: Count


class ReceiptCount(_Part):
    """How many events of one type were delivered for one day."""

    day: date
    """The day of the events' own times, in UTC."""
    entity_type: str
    """Empty where an older version of the tool, which didn't keep it, staged the load."""
    type: str
    events: Count


class ReceiptVerification(_Part):
    """What the destination said when it was asked for the delivered events by id."""

    ended_at: AwareDatetime
    asked: Count
    confirmed: Count
    missing: Count
    doubled: Count
    altered: Count
    unknown: Count
    is_sample: bool
    """Whether some of the events were asked for, instead of all."""


class Receipt(_Part):
    """What one load of a job delivered, from which files, and how that can be checked."""

    receipt_version: Literal[1] = VERSION
    """The version of this document's form."""
    job: str
    load: Annotated[int, Field(ge=1)]
    """The number of the load within its job."""
    tool_version: str
    id_scheme_version: Annotated[int, Field(ge=1)]
    mapping: str
    """Digests of all in the job file that decides what a row's event and id are."""
    endpoint: str
    """Where the events were sent."""
    sources: tuple[ReceiptSource, ...]
    books: ReceiptBooks
    events: tuple[ReceiptCount, ...]
    """The delivered events by day and type."""
    first_event_at: AwareDatetime | None
    last_event_at: AwareDatetime | None
    ids_sha256: Sha256
    """Of the ids of all delivered events, sorted by their UTF-8 bytes, one a line with a line feed after each."""
    found_there: Count
    """How many of the delivered events were found at the destination by asking for them, instead of by its answer to
    their sending.
    """
    rejects: dict[str, Count]
    """The rejects by code."""
    staged_at: AwareDatetime
    completed_at: AwareDatetime | None
    """None for a load of which something is pending."""
    issued_at: AwareDatetime
    verification: ReceiptVerification | None
    """None where the destination was not asked."""
    previous_sha256: Sha256 | None
    """Of the bytes of the receipt that was issued before this one for the same job; None for the first."""


def receipt_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a receipt."""
    schema = Receipt.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A receipt of backfill",
    }


def render_receipt(receipt: Receipt) -> bytes:
    """Return the bytes of a receipt: what its digest is of."""
    return orjson.dumps(
        receipt.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def receipt_digest(written: bytes) -> str:
    """Return the digest, in hex, that the next receipt of the job holds."""
    return hashlib.sha256(written).hexdigest()


def parse_receipt(written: bytes, name: str) -> Receipt:
    """Return the receipt in the bytes of the file `name`; raises `InputError` where it is none."""
    try:
        return Receipt.model_validate_json(written)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        raise InputError(
            f"Expected a receipt, found {where + ': ' if where else ''}{first['msg']} - {name}",
            f"Write it anew: {type_command('receipt', '-o', 'receipt.json')}",
        ) from None
