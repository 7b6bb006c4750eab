import hashlib
from datetime import UTC, date, datetime

import jsonschema
import orjson
import pytest

from etl.errors import InputError
from etl.values.receipt import (
    Receipt,
    ReceiptBooks,
    ReceiptCount,
    ReceiptSource,
    parse_receipt,
    receipt_digest,
    receipt_schema,
    render_receipt,
)

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
RECEIPT = Receipt(
    job="docs",
    load=1,
    tool_version="0.1.0",
    id_scheme_version=1,
    mapping="a" * 64,
    endpoint="https://api.analytics.inkeep.com",
    sources=(ReceiptSource(path="log.csv", size_bytes=10, sha256="b" * 64, rows=3),),
    books=ReceiptBooks(read=3, delivered=2, rejected=1, duplicate=0, skipped=0, pending=0),
    events=(
        ReceiptCount(day=date(2024, 1, 31), entity_type="search", type="search_query_submitted", events=2),
    ),
    first_event_at=AT,
    last_event_at=AT,
    ids_sha256="c" * 64,
    found_there=0,
    rejects={"missing_required": 1},
    staged_at=AT,
    completed_at=AT,
    issued_at=AT,
    verification=None,
    previous_sha256=None,
)


def test_a_receipt_fits_its_schema_and_reads_back() -> None:
    written = render_receipt(RECEIPT)
    schema = receipt_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(orjson.loads(written), schema)
    assert parse_receipt(written, "a.json") == RECEIPT


def test_the_schema_describes_what_a_name_does_not_say() -> None:
    properties = receipt_schema()["properties"]
    assert properties["ids_sha256"]["description"].startswith("Of the ids of all delivered events, sorted")
    assert receipt_schema()["additionalProperties"] is False


def test_the_digest_is_that_of_the_file() -> None:
    written = render_receipt(RECEIPT)
    assert receipt_digest(written) == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (b"[]", "Expected a receipt, found Input should be an object - r.json"),
        (
            render_receipt(RECEIPT).replace(b'"load": 1', b'"load": 0'),
            "Expected a receipt, found load: Input should be greater than or equal to 1 - r.json",
        ),
    ],
)
def test_what_is_no_receipt_is_refused(written: bytes, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_receipt(written, "r.json")
    assert refused.value.problem == problem
    assert refused.value.fix == "Write it anew: backfill receipt JOB -o receipt.json"
