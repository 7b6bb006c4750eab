"""`backfill doctor`: each thing that a run rests on, well and unwell."""

import json
import os
import re
import socket
import tempfile
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from etl.ledger.lock import JobLock
from etl.sandbox.process import SandboxProcess
from tests.oddity import Shown, showing
from tests.watch.runs import Received, receiving
from tests.workbench import Said, call, finish, start, write_job

KEY = "a-good-key-53cr3t"


def examine(*arguments: object, key: str | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the command; return its code and the checks by name."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(key or "")
        file.flush()
        said = call("doctor", *arguments, "--json", *(("--key-file", file.name) if key else ()))
    return read_checks(said)


def read_checks(said: Said) -> tuple[int, dict[str, dict[str, Any]]]:
    assert said.err == ""
    answer = json.loads(said.out)
    assert answer["exit_code"] == said.code
    return said.code, {check["name"]: check for check in answer["checks"]}


def api(request: Received) -> int:
    return 400 if request.headers["authorization"] == f"Bearer {KEY}" else 401


def test_where_all_is_well_each_line_says_ok_and_the_code_is_0(tmp_path: Path) -> None:
    said = call("doctor", "--sandbox", write_job(tmp_path, 10))
    assert said.code == 0
    words = [line.split()[:2] for line in said.out.splitlines()]
    assert words == [
        ["ok", name]
        for name in (
            "python",
            "packages",
            "job",
            "source",
            "state",
            "disk",
            "endpoint",
            "key",
            "queries",
            "clock",
            "rate",
        )
    ]
    assert "1 file, " in said.out


def test_nothing_is_made_and_nothing_is_logged(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 10)
    before = list(sandbox.events())
    assert examine(job, "--endpoint", sandbox.url, key=sandbox.api_key)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.toml", "log.csv"]
    assert list(sandbox.events()) == before


def test_a_job_that_has_run_has_a_sound_ledger(tmp_path: Path) -> None:
    job = write_job(tmp_path, 10)
    assert call("run", "--sandbox", job).code == 0
    found = examine(job, "--sandbox")[1]
    assert found["ledger"]["found"] == "sound: 1 load, 10 delivered; nobody holds the job"
    assert found["state"]["found"].startswith("writable - ")


def test_a_damaged_ledger_is_a_problem_of_the_state(tmp_path: Path) -> None:
    job = write_job(tmp_path, 10)
    assert call("run", "--sandbox", job).code == 0
    (tmp_path / ".backfill/docs@sandbox/ledger.db").write_bytes(b"")
    code, found = examine(job, "--sandbox")
    assert (code, found["ledger"]["status"]) == (7, "problem")
    assert found["key"]["status"] == "ok"


def test_a_run_that_holds_the_job_is_named_and_is_no_problem(tmp_path: Path) -> None:
    job = write_job(tmp_path, 10)
    with JobLock(tmp_path / ".backfill/docs@sandbox", command="backfill run docs.toml"):
        code, found = examine(job, "--sandbox")
    assert (code, found["lock"]["status"]) == (0, "warning")
    assert "`backfill run docs.toml`, pid " in found["lock"]["found"]


def test_without_a_job_what_all_jobs_share_is_looked_at(sandbox: SandboxProcess) -> None:
    code, found = read_checks(
        finish(start("doctor", "--json", "--endpoint", sandbox.url, key=sandbox.web_key))
    )
    assert code == 0
    assert list(found) == ["python", "packages", "endpoint", "key", "queries", "clock", "rate limit"]
    assert found["key"]["found"].startswith(
        "accepted, from INKEEPANALYTICS_API_INTEGRATION_KEY; no event was logged"
    )


def test_a_job_file_that_is_wrong_keeps_nothing_else_from_being_looked_at(
    tmp_path: Path, sandbox: SandboxProcess
) -> None:
    code, found = examine(tmp_path / "missing.toml", "--endpoint", sandbox.url, key=sandbox.api_key)
    assert (code, found["job"]["status"], found["key"]["status"]) == (2, "problem", "ok")


def test_files_that_are_missing_are_a_problem_of_the_input(tmp_path: Path) -> None:
    code, found = examine(write_job(tmp_path, paths="missing-*.csv"), "--sandbox")
    assert (code, found["source"]["status"]) == (4, "problem")
    assert "none that match `missing-*.csv`" in found["source"]["found"]


def test_a_remote_source_is_not_fetched(tmp_path: Path) -> None:
    found = examine(write_job(tmp_path, paths="https://example.invalid/a.csv"), "--sandbox")[1]
    assert found["source"]["found"] == "1 remote pattern, not looked at"


@pytest.mark.parametrize("key", [None, "no-such-key"])
def test_a_key_that_is_missing_or_refused_is_a_problem_of_the_key(
    key: str | None, sandbox: SandboxProcess
) -> None:
    code, found = examine("--endpoint", sandbox.url, key=key)
    assert (code, found["key"]["status"], found["endpoint"]["status"]) == (6, "problem", "ok")
    assert ("refused with 401" if key else "found none in INKEEP") in found["key"]["found"]


def test_a_key_file_is_read_and_an_empty_one_is_said(tmp_path: Path, sandbox: SandboxProcess) -> None:
    path = tmp_path / "key"
    path.write_text(f"{sandbox.api_key}\n")
    assert (
        "accepted, from --key-file"
        in examine("--endpoint", sandbox.url, "--key-file", path)[1]["key"]["found"]
    )
    path.write_text("")
    code, found = examine("--endpoint", sandbox.url, "--key-file", path)
    assert (code, found["endpoint"]["status"]) == (6, "ok")
    assert "found an empty file" in found["key"]["found"]


def test_a_key_that_no_header_can_carry_is_said_and_the_endpoint_is_still_asked(
    sandbox: SandboxProcess,
) -> None:
    code, found = examine("--endpoint", sandbox.url, key="two words")
    assert (code, found["endpoint"]["status"]) == (6, "ok")
    assert "two words" not in json.dumps(found)


def test_an_endpoint_that_does_not_answer_may_later() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        code, found = examine("--endpoint", f"http://127.0.0.1:{closed.getsockname()[1]}", key=KEY)
    assert (code, found["endpoint"]["status"], found["key"]["status"]) == (5, "problem", "warning")
    assert "clock" not in found


@pytest.mark.parametrize(("status", "expected"), [(200, 2), (302, 2), (404, 2), (503, 5)])
def test_what_is_not_the_events_api_is_a_problem_of_the_endpoint(status: int, expected: int) -> None:
    with receiving(status) as server:
        code, found = examine("--endpoint", server.url, key=KEY)
    assert (code, found["endpoint"]["status"]) == (expected, "problem")


def test_answers_that_do_not_tell_about_the_key_are_a_warning() -> None:
    with receiving(400) as server:
        code, found = examine("--endpoint", server.url, key=KEY)
    assert (code, found["key"]["status"]) == (0, "warning")
    assert "(400, 400)" in found["key"]["found"]


def test_a_clock_that_is_off_is_a_warning_and_rate_headers_are_shown() -> None:
    date = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    with receiving(api, {"Date": date, "RateLimit-Limit": "50"}) as server:
        code, found = examine("--endpoint", server.url, key=KEY)
    assert (code, found["clock"]["status"]) == (0, "warning")
    assert "ahead of the server's" in found["clock"]["found"]
    assert found["rate limit"]["found"] == "ratelimit-limit: 50"


def test_plain_http_to_another_host_is_refused_before_anything_is_sent() -> None:
    code, found = examine("--endpoint", "http://api.example.org", key=KEY)
    assert (code, found["endpoint"]["status"]) == (2, "problem")
    assert "key" not in found


def test_a_state_folder_that_can_not_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder goes")
    code, found = examine(write_job(tmp_path, 3), "--sandbox", "--state-dir", tmp_path / "state")
    assert (code, found["state"]["status"]) == (7, "problem")


def test_notices_without_an_address_are_a_warning(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3, top='[notify]\nwebhook_env = "HOOK_OF_NOBODY"\nheartbeat_env = "PATH"')
    code, found = examine(job, "--sandbox")
    assert (code, found["notify"]["status"]) == (0, "warning")
    assert found["notify"]["found"] == "HOOK_OF_NOBODY not set, so nobody is told - [notify]"


def test_no_line_holds_the_key(tmp_path: Path) -> None:
    with receiving(api, {"RateLimit-Limit": f"for {KEY}"}) as server:
        said: Said = finish(start("doctor", write_job(tmp_path, 3), "--endpoint", server.url, key=KEY))
    assert said.code == 0
    assert KEY not in said.out + said.err


def test_a_problem_is_followed_by_how_to_mend_it(tmp_path: Path) -> None:
    said = call("doctor", "--sandbox", write_job(tmp_path, paths="missing-*.csv"))
    lines = said.out.splitlines()
    position = next(number for number, line in enumerate(lines) if line.startswith("problem  source"))
    assert lines[position + 1].startswith(" " * 21)
    assert lines[position + 1].strip()


def test_a_folder_that_is_closed_to_this_user_is_a_problem(tmp_path: Path) -> None:
    job = write_job(tmp_path, 3)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    # Root without its capabilities is a user like any other.
    wrapper = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
    said = finish(
        start("doctor", job, "--sandbox", "--state-dir", closed / "state", "--json", wrapper=wrapper)
    )
    code, found = read_checks(said)
    assert (code, found["state"]["status"]) == (7, "problem")
    assert "--state-dir" in found["state"]["fix"]


def test_whether_the_key_reads_and_how_fast_is_said(tmp_path: Path, sandbox: SandboxProcess) -> None:
    code, found = examine("--endpoint", sandbox.url, key=sandbox.api_key)
    assert (code, found["queries"]["status"]) == (0, "ok")
    assert re.fullmatch(r"the key reads; a query is answered in \d+ ms", found["queries"]["found"])
    code, found = examine("--endpoint", sandbox.url, key=sandbox.web_key)
    assert (code, found["queries"]) == (
        0,
        {
            "name": "queries",
            "status": "warning",
            "found": "the key can't read: status 403",
            "fix": "To verify, adopt or send a canary, use an API integration key; a run sends uncertain events again, "
            "unasked",
            "exit_code": 0,
        },
    )
    with showing(sandbox, lambda _, shown: Shown(404, b"")) as url:
        found = examine("--endpoint", url, key=sandbox.api_key)[1]
    assert (found["queries"]["found"], found["queries"]["fix"]) == (
        "the destination takes no queries: status 404",
        "What was delivered can't be verified there; a run sends uncertain events again, unasked",
    )


def test_what_is_known_of_a_second_event_of_one_id_is_said(tmp_path: Path, sandbox: SandboxProcess) -> None:
    job = write_job(tmp_path, 10)
    call("run", "--quiet", "--sandbox", job)
    where = ("--sandbox", job)
    assert examine(*where)[1]["same id"]["found"] == (
        "what becomes of a second event of one id isn't known; a run with --canary 20 --probe-dedupe finds out"
    )
    job.write_text(job.read_text().replace('name = "docs"', 'name = "other"'))
    call("run", "--quiet", "--sandbox", "--canary", "2", "--probe-dedupe", job)
    assert examine(*where)[1]["same id"]["found"].startswith(
        "the destination replaces the first of two events of one id: what is sent again is there once (found 20"
    )
    said = call("status", *where).out.splitlines()
    assert (
        "  the destination replaces the first of two events of one id: what is sent again is there once"
        in said
    )
