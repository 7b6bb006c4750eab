"""Every way to end is told in one place, and whatever else speaks of it is held to that."""

import re
from pathlib import Path

import pytest

from etl import errors
from etl.cli.options import SEVERITY
from etl.exits import EXITS, describe_exit

HELPS = sorted((Path(errors.__file__).parent / "cli").glob("*.py"))
ERRORS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_ends_a_command_in_a_way_that_is_told(error: type[errors.BackfillError]) -> None:
    assert error.exit_code in EXITS


def test_of_several_ends_each_has_its_rank() -> None:
    assert sorted(SEVERITY) == sorted(EXITS)


def test_an_end_that_is_none_of_ours_is_told_by_its_number() -> None:
    assert describe_exit(137) == "ended with exit code 137"
    assert describe_exit(3) == "finished, with rejects"


def test_the_help_of_a_command_speaks_of_no_other_end() -> None:
    told = {
        int(code)
        for path in HELPS
        for status in re.findall(r"Exit status.*?\"\"\"", path.read_text(encoding="utf-8"), re.DOTALL)
        for code in re.findall(r"^ {6}(\d+) ", status, re.MULTILINE)
    }
    assert told <= set(EXITS)
    assert {0, 2, 3, 7, 130} <= told
