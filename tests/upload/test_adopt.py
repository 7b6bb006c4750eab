"""What the destination holds already is settled and not sent: after the state was lost, or a load begun elsewhere."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from etl.sandbox.process import SandboxProcess
from tests.workbench import Said, call, delivered, finish, row_of, start, write_rows

FAST = ("--patience", "0", "--rate", "max")


def adopt(job: Path, sandbox: SandboxProcess, *options: str) -> Said:
    return call("adopt", "--endpoint", sandbox.url, *FAST, *options, job)


def run(job: Path, sandbox: SandboxProcess, *options: str) -> Said:
    return call("run", "--quiet", "--endpoint", sandbox.url, *options, job)


def sent(sandbox: SandboxProcess) -> int:
    return sum(1 for _ in sandbox.attempts())


def lose_state(job: Path) -> None:
    shutil.rmtree(job.parent / ".backfill")


@pytest.fixture(autouse=True)
def _own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "marks"))


def test_after_the_state_was_lost_all_is_found_and_a_run_sends_nothing(tmp_path: Path) -> None:
    with delivered(tmp_path) as (job, sandbox):
        lose_state(job)
        flags = f" {job} --endpoint {sandbox.url}"
        found = adopt(job, sandbox)
        assert (found.code, found.err) == (0, "")
        lines = found.out.splitlines()
        assert lines[:6] == [
            "docs: asked for 300 pending events by id; sent nothing",
            "  found    300  there once, and as they would be sent: they count as delivered",
            "  absent     0",
            "  altered    0",
            "  doubled    0",
            "  unknown    0",
        ]
        assert lines[6].startswith("  1 query in ")
        assert lines[7:] == [f"Nothing is pending; close the books of the load: backfill run{flags}"]
        ran = json.loads(run(job, sandbox, "--json").out)
        assert (ran["exit_code"], ran["sent_now"], ran["rows"]["delivered"]) == (0, 0, 300)
        assert sent(sandbox) == 300
        said = call("status", "--endpoint", sandbox.url, job).out.splitlines()
        assert "  300 of the delivered were found there, by asking the destination" in said
        loads = call("loads", "--endpoint", sandbox.url, job).out.splitlines()
        assert "          300 of the delivered were found there, by asking the destination" in loads
        receipt = json.loads(call("receipt", "--endpoint", sandbox.url, job).out)
        assert (receipt["found_there"], receipt["books"]["delivered"]) == (300, 300)


def test_what_was_half_sent_elsewhere_is_found_and_a_run_sends_the_rest(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=100) as (job, sandbox):
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 251)))
        lose_state(job)
        found = json.loads(adopt(job, sandbox, "--json").out)
        counts = [found[name] for name in ("load", "asked", "found", "absent", "pending", "exit_code")]
        assert counts == [1, 250, 100, 150, 150, 0]
        again = adopt(job, sandbox)
        assert again.out.splitlines()[0] == "docs: asked for 150 pending events by id; sent nothing"
        assert again.out.splitlines()[-1] == (
            f"Send the 150 that are pending: backfill run {job} --endpoint {sandbox.url}"
        )
        ran = run(job, sandbox)
        assert ran.code == 0, ran.err
        assert sent(sandbox) == 250
        assert len({event["id"] for event in sandbox.events()}) == 250


def test_what_is_there_otherwise_is_told_and_stays_pending(tmp_path: Path) -> None:
    with delivered(tmp_path, "--alter", "4%", "--double", "4%", rows=200) as (job, sandbox):
        spoilt = {line["id"]: line["fault"] for line in sandbox.attempts() if line["fault"]}
        lose_state(job)
        found = adopt(job, sandbox)
        count = len(spoilt)
        assert found.code == 9
        assert found.out.splitlines()[-2:] == [
            f"{count} events are there otherwise than this job would send them, and stay pending",
            "Mend the mapping where that is why and adopt again; or take them as they are there: "
            f"backfill adopt {job} --endpoint {sandbox.url} --as-found",
        ]
        said = json.loads(adopt(job, sandbox, "--json").out)
        assert {one["id"]: one["finding"] for one in said["first"]} == spoilt
        assert (said["asked"], said["pending"]) == (count, count)
        taken = adopt(job, sandbox, "--as-found")
        assert taken.code == 0
        assert f"  {count} of those that are there otherwise count as delivered, as asked" in taken.out
        assert run(job, sandbox).code == 0
        assert sent(sandbox) == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_it_goes_on_where_it_was(tmp_path: Path, number: signal.Signals) -> None:
    with delivered(tmp_path, rows=8_000) as (job, sandbox):
        lose_state(job)
        running = start(
            *("adopt", "--endpoint", sandbox.url, "--patience", "0", "--rate", "4/s", job),
            key=sandbox.api_key,
        )
        while running.poll() is None and not list(job.parent.glob(".backfill/docs@*/loads/0*")):
            time.sleep(0.02)
        # Sixteen queries take four seconds; each four of them are settled together.
        time.sleep(2.4)
        running.send_signal(number)
        stopped = finish(running)
        assert stopped.code == (-number if number == signal.SIGKILL else 130)
        if number == signal.SIGINT:
            assert stopped.err.splitlines()[-2:] == [
                "Stopped as asked; what was found is settled",
                "Run the same command again to go on",
            ]
        rest = json.loads(adopt(job, sandbox, "--json").out)
        assert 0 < rest["asked"] < 8_000
        assert (rest["found"], rest["pending"]) == (rest["asked"], 0)
        ran = json.loads(run(job, sandbox, "--json").out)
        assert (ran["exit_code"], ran["sent_now"], ran["rows"]["delivered"]) == (0, 0, 8_000)
        assert sent(sandbox) == 8_000


def test_a_key_that_only_writes_settles_nothing(tmp_path: Path) -> None:
    with delivered(tmp_path, "--refuse-queries", rows=20) as (job, sandbox):
        lose_state(job)
        found = adopt(job, sandbox)
        assert found.code == 6
        assert found.err.splitlines()[-2:] == [
            "Expected a key that can read, found one that can't (the key can't read: status 403): of the events "
            "nothing can be told",
            "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY); web, Slack, Discord, Copilot and "
            "MCP keys only write",
        ]
        assert json.loads(adopt(job, sandbox, "--json").out)["pending"] == 20


def test_a_job_of_which_all_is_settled_has_nothing_to_adopt(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=5) as (job, sandbox):
        found = adopt(job, sandbox)
        assert (found.code, found.out) == (
            0,
            "docs: nothing is pending, and nothing new was found to adopt\n",
        )


def test_a_mapping_that_changed_since_a_load_was_partly_found_is_told(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=5) as (job, sandbox):
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 9)))
        lose_state(job)
        assert adopt(job, sandbox).code == 0
        job.write_text(job.read_text().replace('searchQuery = "query"', 'searchQuery = "action"'))
        found = adopt(job, sandbox)
        assert (found.code, found.err) == (
            2,
            f"Expected the mapping under which load 1 was staged, found [event] or [source] changed - {job}\n"
            "Set the mapping back, or let a run stage the rest again: "
            f"backfill run {job} --endpoint {sandbox.url} --accept-new-mapping\n",
        )
