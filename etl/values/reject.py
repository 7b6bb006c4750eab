"""The reject: a row that will not be sent, or that the server refused, with a code and a reason.

Codes are a fixed set: scripts and dashboards match on them.
"""

from enum import StrEnum

__all__ = ["RejectCode"]


class RejectCode(StrEnum):
    """Why a row is a reject."""

    MALFORMED_RECORD = "malformed_record"
    INVALID_UTF8 = "invalid_utf8"
    MISSING_REQUIRED = "missing_required"
    UNPARSABLE_TIMESTAMP = "unparsable_timestamp"
    AMBIGUOUS_TIMESTAMP = "ambiguous_timestamp"
    NONEXISTENT_TIMESTAMP = "nonexistent_timestamp"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    UNPARSABLE_VALUE = "unparsable_value"
    UNMAPPED_VALUE = "unmapped_value"
    UNKNOWN_ENTITY_TYPE = "unknown_entity_type"
    INVALID_JSON = "invalid_json"
    NUMBER_NOT_FINITE = "number_not_finite"
    BODY_TOO_LARGE = "body_too_large"
    SERVER_REJECTED = "server_rejected"
    CONFLICT = "conflict"
