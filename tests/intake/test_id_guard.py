"""Files and mappings that change between runs, limits, and what a run says of itself."""

import json
import os
from pathlib import Path

import pytest

from etl.intake.taking import RetryRequest
from etl.sandbox.process import SandboxProcess
from tests.workbench import call, place_of, row_of, run_here, write_job, write_rows


def test_a_changed_mapping_is_refused_with_the_ids_that_would_change_until_the_flag(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    run_here(job, sandbox)
    write_job(tmp_path, 10, id_spec='{ columns = ["id", "query"] }')
    refused = run_here(job, sandbox)
    assert (refused.exit_code, refused.state, refused.attempts) == (2, "aborted", 0)
    assert refused.message.splitlines()[1].startswith(
        "Of 10 events that were delivered and can't be recalled, 10 would get another id and 0 the same id with "
        "another content, as in log.csv row 1: "
    )
    assert "--accept-new-mapping" in refused.fix
    accepted = run_here(job, sandbox, accept_new_mapping=True)
    assert (accepted.exit_code, accepted.attempts) == (0, 0)
    assert run_here(job, sandbox).exit_code == 0


def test_a_mapping_that_changes_nothing_of_what_was_delivered_needs_no_flag(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    run_here(job, sandbox)
    write_job(tmp_path, 10, more=', zoom = "search_result_clicked"')
    assert (run_here(job, sandbox).exit_code, run_here(job, sandbox).exit_code) == (0, 0)


def test_a_mapping_that_keeps_the_ids_and_changes_the_content_is_refused(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    run_here(job, sandbox)
    job.write_text(job.read_text(encoding="utf-8").replace('cast = "int"', 'cast = "string"'))
    refused = run_here(job, sandbox)
    assert refused.exit_code == 2
    assert "0 would get another id and 10 the same id with another content, as in log.csv row 1: " in (
        refused.message
    )


@pytest.mark.parametrize("id_spec", ['{ columns = ["id"] }', '{ duplicates = "collapse" }'])
def test_after_a_retry_under_a_mended_map_the_next_run_goes_on(
    tmp_path: Path, sandbox: SandboxProcess, id_spec: str
) -> None:
    rows = [row_of(1), row_of(2, action="zoom"), row_of(3)]
    job = write_job(tmp_path, rows, id_spec=id_spec)
    assert run_here(job, sandbox).exit_code == 3
    write_job(tmp_path, rows, id_spec=id_spec, more=', zoom = "search_result_clicked"')
    retried = run_here(job, sandbox, retry=RetryRequest(code="unmapped_value"))
    assert (retried.exit_code, retried.sent_now) == (0, 1)
    again = run_here(job, sandbox)
    assert (again.exit_code, again.attempts, again.message) == (0, 0, "")


def test_where_the_delivered_files_are_gone_it_is_refused_because_nothing_can_be_told(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10, source='mode = "incremental"\non_change = "ignore"')
    run_here(job, sandbox)
    write_job(
        tmp_path,
        [row_of(99)],
        source='mode = "incremental"\non_change = "ignore"',
        more=', z = "search_result_clicked"',
    )
    refused = run_here(job, sandbox)
    assert refused.exit_code == 2
    assert refused.message.splitlines()[1] == (
        "Which events would differ can't be told: the file that was delivered is gone or changed - log.csv"
    )


def test_a_file_that_changed_after_it_was_staged_is_an_input_error_and_nothing_is_sent(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    run_here(job, sandbox)
    write_rows(tmp_path / "log.csv", map(row_of, range(1, 12)))
    outcome = run_here(job, sandbox)
    assert (outcome.exit_code, outcome.attempts) == (4, 0)
    assert outcome.message.startswith("Expected the file as it was when it was staged")


def test_a_staged_load_finishes_though_its_source_is_gone(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 20)
    first = run_here(job, sandbox, limit=5)
    assert (first.exit_code, first.state, first.sent_now, first.books.pending) == (0, "incomplete", 5, 15)
    (tmp_path / "log.csv").unlink()
    second = run_here(job, sandbox)
    assert (second.sent_now, second.books.delivered, second.books.pending) == (15, 20, 0)
    assert second.exit_code == 4, "then the job has no files"


def test_too_many_rejects_send_nothing_and_the_mended_job_starts_over(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    rows = [row_of(n, action="zoom" if n % 2 else "q") for n in range(1, 21)]
    job = write_job(tmp_path, rows, max_rejects='"10%"')
    outcome = run_here(job, sandbox)
    assert (outcome.exit_code, outcome.attempts, outcome.books.rejected) == (10, 0, 10)
    assert outcome.message.startswith("Expected at most 10% rejects, found 10 of 20 rows (50.0%)")
    assert place_of(job).rejects_csv.exists()
    write_job(tmp_path, rows, max_rejects='"10%"', more=', zoom = "search_result_clicked"')
    mended = run_here(job, sandbox)
    assert (mended.exit_code, mended.books.delivered) == (0, 20)


def test_too_many_rejects_go_on_with_a_higher_limit(tmp_path: Path, sandbox: SandboxProcess) -> None:
    rows = [row_of(n, action="zoom" if n % 2 else "q") for n in range(1, 21)]
    job = write_job(tmp_path, rows, max_rejects="9")
    assert run_here(job, sandbox).exit_code == 10
    write_job(tmp_path, rows, max_rejects="10")
    assert run_here(job, sandbox).books.delivered == 10


def test_a_mended_file_is_staged_anew_where_nothing_was_sent(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, [row_of(n, action="zoom") for n in range(1, 6)], max_rejects="0")
    assert run_here(job, sandbox).exit_code == 10
    write_rows(tmp_path / "log.csv", map(row_of, range(1, 6)))
    assert run_here(job, sandbox).books.delivered == 5


def test_a_server_that_refuses_everything_stops_the_run_early_and_resumable(tmp_path: Path) -> None:
    job = write_job(tmp_path, 2000, max_rejects="20")
    with SandboxProcess("--reject", "100%") as strict:
        outcome = run_here(job, strict)
        assert strict.stats()["attempts"] < 600
    assert (outcome.exit_code, outcome.state) == (10, "aborted")
    assert outcome.books.pending > 1400
    write_job(tmp_path, 2000, max_rejects='"100%"')
    with SandboxProcess() as mild:
        resumed = run_here(job, mild)
    assert resumed.books.pending == 0
    assert resumed.books.delivered + resumed.books.rejected == 2000


def test_new_files_are_a_load_of_their_own(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, paths="log-*.csv")
    write_rows(tmp_path / "log-1.csv", map(row_of, range(1, 6)))
    assert run_here(job, sandbox).loads == (1,)
    write_rows(tmp_path / "log-2.csv", map(row_of, range(6, 9)))
    second = run_here(job, sandbox)
    assert (second.loads, second.books.read, second.sent_now) == ((2,), 3, 3)


def test_the_json_of_a_run_has_the_promised_keys(tmp_path: Path) -> None:
    said = call("run", "--sandbox", "--json", write_job(tmp_path, [row_of(1), row_of(2, at="n/a")]))
    outcome = json.loads(said.out)
    promised = (
        "job state rows rejects sent_now attempts retries elapsed_s stage_s send_s events_per_s exit_code"
    )
    assert set(promised.split()) <= set(outcome)
    assert list(outcome["rows"]) == ["read", "delivered", "rejected", "duplicate", "skipped", "pending"]
    assert outcome["rejects"] == {"unparsable_timestamp": 1}
    assert said.code == outcome["exit_code"] == 3


def test_reset_forgets_after_a_yes_and_the_next_run_starts_over(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 5)
    run_here(job, sandbox)
    asked = call("reset", job, "--sandbox")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert place_of(job).folder.joinpath("ledger.db").exists()
    assert call("reset", job, "--sandbox", "--yes").code == 0
    assert [path.name for path in place_of(job).folder.iterdir()] == ["lock"]
    assert run_here(job, sandbox).sent_now == 5
    (place_of(job).folder / "ledger.db").write_bytes(b"rubbish")
    assert call("reset", job, "--sandbox", "--yes").code == 0
    assert run_here(job, sandbox).sent_now == 5


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    job = write_job(tmp_path, 10)
    run_here(job, sandbox)
    log = tmp_path / "log.csv"
    before = log.stat()
    log.write_text(log.read_text(encoding="utf-8").replace("what is 3?", "what is 4?"), encoding="utf-8")
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (log.stat().st_size, log.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)

    outcome = run_here(job, sandbox)

    assert (outcome.exit_code, outcome.attempts) == (4, 0)
    assert "found it changed" in outcome.message
