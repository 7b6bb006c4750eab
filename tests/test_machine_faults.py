"""Faults of the machine have a sentence each; anything else is a bug."""

import errno
from pathlib import Path

import pytest

from etl.errors import JobError
from etl.machine_faults import as_bug, explain_fault


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (MemoryError(), "no memory left"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "no memory left"),
        (RuntimeError("can't start new thread"), "no thread left"),
        (OSError(errno.EMFILE, "Too many open files"), "too many open files"),
        (
            ValueError("OS can't spawn worker thread: Resource temporarily unavailable (os error 11)"),
            "no thread left",
        ),
        (
            ValueError(
                'called `Result::unwrap()` on an `Err` value: Os { code: 24, kind: Uncategorized, message: "Too many '
                'open files" }'
            ),
            "too many open files",
        ),
    ],
)
def test_what_runs_out_half_way_has_a_name(error: Exception, found: str) -> None:
    explained = explain_fault(error)
    assert explained is not None
    assert explained.exit_code == 7
    assert explained.problem == (
        "Expected what the machine usually gives a process (what was delivered is in the ledger and safe), "
        f"found {found}"
    )


def test_a_file_that_cannot_be_used_is_named() -> None:
    explained = explain_fault(OSError(errno.EACCES, "Permission denied", "/x/y"))
    assert explained is not None
    assert explained.problem == "Expected leave to read and write, found `Permission denied` - /x/y"


def test_what_has_words_keeps_them_and_the_rest_is_a_bug() -> None:
    error = JobError("Expected a, found b", "Write a")
    assert explain_fault(error) is error
    assert explain_fault(ValueError("x")) is None
    bug = as_bug(ValueError("x"), Path("docs.toml"))
    assert (bug.exit_code, bug.problem) == (1, "Expected the run to end, found a bug: ValueError - docs.toml")
