"""Says what verifying proved of a job's events so far, in one line. Pure."""

from etl.report.summary import format_duration
from etl.values.proven import Proven

__all__ = ["proven_line"]


def proven_line(proven: Proven) -> str:
    """Return what was proved, and how long ago that was."""
    return f"{proven.text}; verified {format_duration(proven.age_seconds)} ago"
