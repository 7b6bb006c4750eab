"""Names a job after its files. Pure."""

import re

__all__ = ["name_job"]


def name_job(file: str) -> str:
    """Return the name of a job for a file: its own, without folders, suffixes and signs."""
    stem = re.sub(r"[?#!].*", "", file).rstrip("/").rpartition("/")[2].partition(".")[0]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    return name[:100] or "my-job"
