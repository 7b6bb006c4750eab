"""Output that can't be written: the exit status says what the command did, and nothing ends in a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etl.cli import COMMANDS as COMMANDS_OF_CLI
from etl.read.resolve import LOCALE_FIX
from tests.faults.soak_streams import COMMANDS, commands_with_state
from tests.workbench import ROOT, row_of, write_job, write_rows

FULL = (
    "Expected to write everything to standard output, found: No space left on device\n"
    "Make room there, or let it go somewhere else"
)
CLOSED = FULL.replace("No space left on device", "it is closed")


def shell(line: str, job: Path | None = None, **environment: str) -> tuple[int, str, str]:
    """Run `line` in a shell, where `backfill` is the command and $JOB the job."""
    command = f"{sys.executable} -P -c 'from etl.cli import main; main()'"
    done = subprocess.run(
        ["bash", "-c", f'backfill() {{ {command} "$@"; }}; {line}'],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOB": str(job), **environment},
        timeout=60,
        check=False,
    )
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    return done.returncode, out, err


@pytest.fixture
def job(tmp_path: Path) -> Path:
    return write_job(tmp_path, [row_of(1), row_of(2, at="n/a"), row_of(3)])


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("backfill schema > /dev/full", 7, FULL),
        ("backfill schema >&-", 7, CLOSED),
        ("backfill --help > /dev/full", 7, FULL),
        ("backfill status $JOB > /dev/full", 7, FULL),
        ("backfill schema >&- 2>&- <&-", 7, ""),
        ("backfill nonsense 2> /dev/full", 2, ""),
        ("backfill schema | head -c 1; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_a_command_that_only_prints_fails_where_it_cannot_but_not_where_its_reader_left(
    job: Path, line: str, code: int, says: str
) -> None:
    assert shell(line, job)[::2] == (code, f"{says}\n" if says else "")


@pytest.mark.parametrize(
    "output", ["> /dev/full", ">&-", "| true; exit ${PIPESTATUS[0]}", "> /dev/full 2>&1"]
)
@pytest.mark.parametrize("form", ["", "--json"])
def test_a_run_that_cannot_be_told_of_ends_as_it_went(job: Path, form: str, output: str) -> None:
    code, _, err = shell(f"backfill run --sandbox {form} $JOB {output}", job)
    assert code == 3
    stands = "; the exit status, 3, is that of the work and stands\n"
    assert err == {"> /dev/full": FULL + stands, ">&-": CLOSED + stands}.get(output, "")
    ledger = (job.parent / ".backfill" / "docs@sandbox" / "ledger.db").read_bytes()
    assert ledger.startswith(b"SQLite format 3\0"), "no closed descriptor was taken for the ledger's"


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}],
    ids=str,
)
def test_what_the_encoding_lacks_is_replaced_and_json_loses_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    job = write_job(tmp_path, [row_of(1).replace("what", "ウード ŵ"), row_of(2, at="ウード")])
    code, out, err = shell("backfill validate $JOB", job, **environment)
    assert (code, err) == (3, "")
    assert "found `???`" in out
    code, out, err = shell("backfill preview --json $JOB", job, **environment)
    assert (code, err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(out)["rows"]
    assert rows[0]["source"]["query"] == "ウード ŵ is 1?"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_an_encoding_of_many_bytes_reaches_no_more_than_what_is_shown(job: Path, encoding: str) -> None:
    code, out, err = shell(
        f"backfill run --sandbox $JOB | iconv -f {encoding.removesuffix('-sig')}; exit ${{PIPESTATUS[0]}}",
        job,
        PYTHONIOENCODING=encoding,
    )
    assert (code, err) == (3, "")
    assert "  delivered  2\n" in out


@pytest.mark.parametrize("pattern", ["lög.csv", "l*ö*.csv", "**/lög.csv"])
def test_a_locale_that_cannot_name_a_file_is_told(tmp_path: Path, pattern: str) -> None:
    write_rows(tmp_path / "lög.csv", [row_of(1)])
    job = write_job(tmp_path, paths=pattern)
    said = shell("backfill validate $JOB", job, LC_ALL="POSIX", PYTHONUTF8="0")
    shown = pattern.replace("ö", "?")
    problem = f"Expected a locale that can name `{shown}`, found one in ascii - [source] paths, {job}\n"
    assert said == (4, "", f"{problem}{LOCALE_FIX}\n")
    fixed = LOCALE_FIX.partition(" set ")[2].partition(",")[0]
    assert shell(f"{fixed} backfill validate $JOB", job, PYTHONUTF8="0")[0] == 0


def test_a_file_that_a_pattern_finds_in_a_locale_without_its_letters_is_told(tmp_path: Path) -> None:
    write_rows(tmp_path / "lög.csv", [row_of(1)])
    said = shell(
        "backfill validate $JOB", write_job(tmp_path, paths="l*g.csv"), LC_ALL="POSIX", PYTHONUTF8="0"
    )
    assert said == (4, "", f"Expected a file name in UTF-8, found `l?g.csv` - [source] paths\n{LOCALE_FIX}\n")


def test_the_long_trials_leave_no_command_out() -> None:
    tried = {words.split()[0] for words in COMMANDS}
    assert set(COMMANDS_OF_CLI) - {"sandbox"} <= tried
    assert {words.split()[0] for words in commands_with_state()} >= {"dismiss", "verify", "receipt", "adopt"}
