"""The text of a malformed record as a reject shows it. Pure."""

from etl.values.rows import MOST_RAW_CHARS

__all__ = ["show_raw"]


def show_raw(record: bytes) -> str:
    """Return the record as text, at most `MOST_RAW_CHARS` of it; undecodable bytes show as U+FFFD."""
    return record[: MOST_RAW_CHARS * 4].decode("utf-8", "replace")[:MOST_RAW_CHARS]
