"""The Python API: from a script, a thread, a notebook's loop; what it raises; what it leaves alone."""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import etl
from etl import (
    Incomplete,
    InputError,
    JobError,
    JobLocked,
    KeyProblem,
    LimitReached,
    Outcome,
    ProgressView,
    StateError,
)
from etl.ledger.lock import JobLock
from etl.sandbox.process import SandboxProcess
from tests.workbench import ROOT, row_of, write_job


def run_script(script: str, **environ: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INKEEP")}
    finished = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.stderr == ""
    return finished.stdout


def test_all_that_is_promised_is_there_in_order_and_documented() -> None:
    assert etl.__all__ == sorted(etl.__all__)
    assert all(getattr(etl, name).__doc__ for name in etl.__all__)
    assert set(etl.__all__) <= set(dir(etl))
    with pytest.raises(AttributeError, match="no attribute `nonsense`"):
        _ = etl.nonsense


def test_importing_it_imports_nothing_heavy() -> None:
    script = "import sys, etl; print(sorted({'polars', 'pydantic', 'click', 'httpx', 'asyncio'} & set(sys.modules)))"
    assert run_script(script) == "[]\n"


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import etl.upload.run",
        "from etl.state.place import JobPlace",
        "import etl.rejects, etl.validation",
    ],
)
def test_run_can_be_called_whatever_was_imported_before(first: str) -> None:
    script = (
        f"{first}\nfrom etl import run\nimport etl.upload.run as job, inspect\nprint(callable(run), "
        "list(inspect.signature(run).parameters)[:2], callable(job.run_job))"
    )
    assert run_script(script) == "True ['job', 'key'] True\n"


def test_the_signatures_are_typed() -> None:
    for function in (
        etl.load_job,
        etl.validate,
        etl.run,
        etl.preview,
        etl.retry,
        etl.status,
        etl.read_rejects,
    ):
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())


def test_a_run_returns_what_came_of_it_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = etl.load_job(write_job(tmp_path, [row_of(1), row_of(2, at="n/a")]))
    outcome = etl.run(job, sandbox=True)
    assert (outcome.exit_code, outcome.sent_now, outcome.rejects) == (3, 1, {"unparsable_timestamp": 1})
    assert capfd.readouterr() == ("", "")


def test_a_dry_run_tells_what_would_be_sent_without_a_key(tmp_path: Path) -> None:
    seen: list[ProgressView] = []
    validation = etl.validate(str(write_job(tmp_path, 10)), on_progress=seen.append)
    assert validation.outcome.books.pending == 10
    assert (seen[-1].phase, seen[-1].done) == ("reading", 10)
    assert not (tmp_path / ".backfill").exists()


def test_the_key_comes_from_the_caller_or_from_the_environment(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 3)
    refused = etl.run(job, endpoint=sandbox.url, key="no-such-key", state_dir=tmp_path / "a")
    assert (refused.exit_code, "no-such-key" in repr(refused)) == (6, False)
    assert etl.run(job, endpoint=sandbox.url, key=sandbox.api_key, state_dir=tmp_path / "b").exit_code == 0
    (tmp_path / "other").mkdir()
    job = write_job(tmp_path / "other", 3)
    script = f"from etl import run; print(run({str(job)!r}, endpoint={sandbox.url!r}).exit_code)"
    assert run_script(script, INKEEPANALYTICS_WEB_INTEGRATION_KEY=sandbox.web_key) == "0\n"


def test_without_a_key_it_is_a_key_problem(tmp_path: Path) -> None:
    script = f"""
from etl import KeyProblem, run
try:
    run({str(write_job(tmp_path, 3))!r})
except KeyProblem as error:
    print(error.exit_code)
"""
    assert run_script(script) == "6\n"


def test_it_works_in_a_thread_and_leaves_the_signals_to_the_program(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    outcomes: list[Outcome] = []
    job = write_job(tmp_path, 30)
    thread = threading.Thread(target=lambda: outcomes.append(etl.run(job, sandbox=True)))
    thread.start()
    thread.join()
    assert [outcome.sent_now for outcome in outcomes] == [30]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_it_works_inside_a_running_loop_as_in_a_notebook(tmp_path: Path) -> None:
    job = write_job(tmp_path, 30)

    async def cell() -> Outcome:
        return etl.run(job, sandbox=True)

    assert asyncio.run(cell()).sent_now == 30


def test_an_error_inside_a_running_loop_is_the_same_error(tmp_path: Path) -> None:
    job = write_job(tmp_path, paths="missing.csv")

    async def cell() -> Outcome:
        return etl.run(job, sandbox=True, check=True)

    with pytest.raises(InputError):
        asyncio.run(cell())


def test_the_stop_button_of_a_notebook_drains_the_run_and_it_resumes(tmp_path: Path) -> None:
    job = write_job(tmp_path, 400)
    script = f"""
import asyncio, json, os, signal
from etl import load_job, run

job, seen = load_job({str(job)!r}), []

def look(view):
    seen.append(view)
    if view.phase == "sending" and view.done and len(seen) < 1000:
        seen.extend([view] * 1000)
        os.kill(os.getpid(), signal.SIGINT)

async def cell():
    run(job, sandbox=True, rate="200/s", on_progress=look)

# As a notebook's kernel has it: the signal raises KeyboardInterrupt, and the loop is none of its business.
loop = asyncio.new_event_loop()
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    loop.run_until_complete(cell())
except KeyboardInterrupt:
    outcome = run(job, sandbox=True)
    print(json.dumps(outcome.to_json()))
loop.close()
"""
    said = json.loads(run_script(script))
    assert (said["state"], said["rows"]["delivered"]) == ("complete", 400)
    assert 0 < said["sent_now"] < 400


def test_what_on_progress_raises_stops_the_run_and_is_raised_and_it_resumes(tmp_path: Path) -> None:
    job = write_job(tmp_path, 400)

    def look(view: ProgressView) -> None:
        if view.phase == "sending" and view.done:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        etl.run(job, sandbox=True, rate=200.0, on_progress=look)
    outcome = etl.run(job, sandbox=True)
    assert (outcome.exit_code, outcome.books.delivered) == (0, 400)
    assert 0 < outcome.sent_now < 400


def test_with_check_what_a_person_should_mend_is_raised(tmp_path: Path, sandbox: SandboxProcess) -> None:
    rejected = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")], max_rejects='"1%"')
    with pytest.raises(LimitReached, match="Expected at most 1% rejects"):
        etl.run(rejected, sandbox=True, check=True)
    fine = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")])
    assert etl.run(fine, sandbox=True, check=True, state_dir=tmp_path / "other").exit_code == 3
    with pytest.raises(KeyProblem):
        etl.run(fine, endpoint=sandbox.url, key="no-such-key", check=True)


def test_an_interrupt_counts_as_a_passing_cause() -> None:
    from etl.api import _error_of

    error = _error_of(Outcome("docs", "interrupted", 143))
    assert isinstance(error, Incomplete)
    assert error.fix == "Run it again: it goes on where it stopped"


def test_a_second_run_is_told_at_once(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3)
    with (
        JobLock(tmp_path / ".backfill/docs@sandbox", command="another"),
        pytest.raises(JobLocked, match="another"),
    ):
        etl.run(job, sandbox=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"rate": "fast"}, "Expected a rate like"),
        ({"rate": -1.0}, "Expected a rate like"),
        ({"limit": 0}, "Expected a whole number of 1 or more, found 0 - limit"),
        ({"endpoint": "http://127.0.0.1:1"}, "Expected sandbox or endpoint, found both"),
    ],
)
def test_an_argument_that_can_not_be_is_a_job_error(
    tmp_path: Path, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(JobError, match=expected):
        etl.run(write_job(tmp_path, 3), sandbox=True, **options)


def test_results_show_as_tables_in_a_notebook_and_nothing_in_them_is_markup(tmp_path: Path) -> None:
    job = write_job(tmp_path, [row_of(1), row_of(2, action="<script>")])
    validation = etl.validate(job)
    html = validation._repr_html_()
    assert "docs: complete, exit 3" in html
    assert "<td" in html
    assert "rejected: unmapped_value" in html
    assert "<script>" not in html
    outcome = Outcome("docs", "failed", 4, message="Expected <b>", fix="a & b")
    assert "Expected &lt;b&gt;</div><div>a &amp; b</div>" in outcome._repr_html_()


@pytest.mark.parametrize("odd", [None, 5, b"docs.toml", {"name": "docs"}, pl.DataFrame()], ids=repr)
@pytest.mark.parametrize(
    "function", ["load_job", "validate", "run", "preview", "retry", "status", "read_rejects"]
)
def test_what_is_no_path_is_no_job(function: str, odd: object) -> None:
    with pytest.raises(JobError) as refused:
        getattr(etl, function)(odd)
    assert str(refused.value) == (
        f'Expected the path of a job file, found {type(odd).__name__}\nAs in: load_job("jobs/search.toml")'
    )


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("preview", {"rows": 0}),
        ("preview", {"row": "1"}),
        ("validate", {"sample": "x"}),
        ("run", {"limit": True}),
        ("retry", {"most": 0}),
        ("retry", {"code": "nonsense"}),
        ("retry", {"rows_from": b"x"}),
        ("read_rejects", {"code": "nonsense"}),
        ("status", {"state_dir": 5}),
        ("status", {"endpoint": "http://127.0.0.1:99999"}),
        ("read_rejects", {"sandbox": True, "endpoint": "http://127.0.0.1:1"}),
    ],
)
def test_an_argument_that_cannot_be_is_a_job_error(
    tmp_path: Path, function: str, options: dict[str, object]
) -> None:
    with pytest.raises(JobError):
        getattr(etl, function)(write_job(tmp_path, 1), **options)


def test_a_job_can_be_looked_at_and_its_rejects_mended_and_sent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_job(tmp_path, [row_of(1), row_of(2, action="other"), row_of(3, at="n/a")])
    assert etl.status(path, sandbox=True).state == "new"
    assert etl.read_rejects(path, sandbox=True).is_empty()
    assert [row.fate for row in etl.preview(path).rows] == ["event", "rejected", "rejected"]
    assert [row.row for row in etl.preview(path, rejects_only=True, rows=1).rows] == [2]
    etl.run(path, sandbox=True)
    left = etl.read_rejects(path, sandbox=True)
    assert left.select("row", "code").rows() == [(2, "unmapped_value"), (3, "unparsable_timestamp")]
    assert json.loads(left["source"][0])["action"] == "other"
    assert etl.read_rejects(path, sandbox=True, code="unmapped_value")["row"].to_list() == [2]
    write_job(tmp_path, paths="*.csv", more=', other = "search_result_clicked"')
    outcome = etl.retry(path, sandbox=True, code="unmapped_value")
    assert (outcome.sent_now, outcome.exit_code) == (1, 0)
    assert etl.read_rejects(path, sandbox=True)["row"].to_list() == [3]
    assert etl.read_rejects(path, sandbox=True, closed=True)["row"].to_list() == [2, 3]
    standing = etl.status(path, sandbox=True)
    assert (standing.rows.delivered, standing.rows.rejected) == (2, 1)
    assert capfd.readouterr() == ("", "")


def test_an_older_state_goes_on_where_the_caller_accepts_it(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job, key, url = write_job(tmp_path, [row_of(1), row_of(2, at="n/a")]), sandbox.api_key, sandbox.url
    assert etl.run(job, key=key, endpoint=url).exit_code == 3
    [mark] = (tmp_path / ".backfill").glob("*/mark.json")
    said = json.loads(mark.read_text())
    mark.write_text(json.dumps(said | {"runs": 9}))
    for call_it in (etl.run, etl.retry):
        with pytest.raises(StateError, match="an older copy was put back"):
            call_it(job, key=key, endpoint=url)
    assert etl.retry(job, key=key, endpoint=url, accept_state=True).exit_code == 3
    mark.write_text(json.dumps(said | {"runs": 9}))
    assert etl.run(job, key=key, endpoint=url, accept_state=True).exit_code == 0


def test_rows_that_an_earlier_filter_skipped_are_taken_where_the_caller_asks_for_it(tmp_path: Path) -> None:
    narrow = "[filter]\nsql = \"id <> '00001'\""
    job = write_job(tmp_path, [row_of(1), row_of(2, count=5)], source='mode = "incremental"')
    whole = job.read_text()
    job.write_text(whole.replace("[event]", f"{narrow}\n[event]", 1))
    assert etl.run(job, sandbox=True).books.delivered == 1
    job.write_text(whole)
    assert etl.run(job, sandbox=True, take_skipped=True).sent_now == 1
