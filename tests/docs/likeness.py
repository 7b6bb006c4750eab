"""Tells what may differ between two runs of a command (times, rates, ports) from what may not. Pure."""

import re
from difflib import SequenceMatcher

__all__ = ["keep_alike", "strip_varying"]

VARYING = [
    (re.compile(r"\b\d[\d,.]* (ms|s|min|h|d)\b"), "TIME"),
    (re.compile(r"(TIME )+TIME"), "TIME"),
    (re.compile(r"\b[\d,.]+( rows)?/s\b"), "RATE"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?Z?)?"), "WHEN"),
    (re.compile(r"from 2000-01-01 to \d{4}-\d\d-\d\d"), "RANGE"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r"\bpid \d+"), "PID"),
    (re.compile(r"\b[0-9a-f]{32}\.[0-9a-f]{32}\b"), "FINGERPRINT"),
    # What is left after a kill depends on its moment.
    (re.compile(r"^( *sent) [\d,]+ now in .*"), r"\1 SOME"),
    (re.compile(r"[ \t]+"), " "),
]


def strip_varying(line: str) -> str:
    """Return the line without what may differ between two runs."""
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return line


def keep_alike(old: str, new: str) -> str:
    """Return the new text, with each old line in its place where only what may vary differs."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    kept: list[str] = []
    pairs = SequenceMatcher(None, [*map(strip_varying, before)], [*map(strip_varying, after)], autojunk=False)
    for kind, start, end, fresh_start, fresh_end in pairs.get_opcodes():
        kept += before[start:end] if kind == "equal" else after[fresh_start:fresh_end]
    return "".join(kept)
