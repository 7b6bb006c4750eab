"""A few events of a new load go first, and the others only if those are there as they were sent."""

import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import etl
from etl.sandbox.process import SandboxProcess
from tests.oddity import Shown, showing
from tests.workbench import Said, call, finish, row_of, start, write_job, write_rows

ROWS = 60
PASSED = (
    "Canary: the 10 events that stand for load 1 are there once and as they were sent; the other 50 follow"
)


@pytest.fixture(autouse=True)
def _own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "marks"))
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", SandboxProcess.api_key)


@contextmanager
def ready(
    folder: Path, *faults: str, rows: Any = ROWS, upload: str = 'patience = "1s"'
) -> Iterator[tuple[Path, SandboxProcess]]:
    with SandboxProcess(*faults) as sandbox:
        yield write_job(folder, rows, upload=upload, overlap="check"), sandbox


def run(job: Path, url: str, *options: str) -> Said:
    return call("run", "--quiet", "--endpoint", url, *options, job)


def ids_sent(sandbox: SandboxProcess) -> list[str]:
    return [line["id"] for line in sandbox.attempts()]


def test_a_load_goes_on_once_its_canary_is_there_as_it_was_sent(tmp_path: Path) -> None:
    rows = [row_of(number) for number in range(1, ROWS + 1)]
    rows[17] = row_of(18, action="other")
    rows[40] = row_of(41, at="2021-05-05T00:00:00Z")
    rows[50] = row_of(51, at="2025-05-05T00:00:00Z")
    rows[55] = "00056,2024-01-31T09:30:00Z,q," + 300 * "long " + ",1"
    with SandboxProcess() as sandbox:
        job = write_job(tmp_path, rows, more=', other = "search_result_clicked"')
        found = run(job, sandbox.url, "--canary", "10")
        assert (found.code, found.err) == (0, "")
        assert PASSED in found.out.splitlines()
        sent = list(sandbox.attempts())
        assert len(sent) == ROWS
        events = {line["id"]: line["event"] for line in sandbox.events()}
        first = [events[line["id"]] for line in sent[:10]]
        assert {event["type"] for event in first} == {"search_query_submitted", "search_result_clicked"}
        times = {event["createdAt"] for event in events.values()}
        assert {min(times), max(times)} <= {event["createdAt"] for event in first}
        assert any(len(event["searchQuery"]) > 1_000 for event in first)
        assert run(job, sandbox.url, "--canary", "10").code == 0
        assert len(ids_sent(sandbox)) == ROWS


def test_what_is_altered_stops_the_run_until_it_is_passed_over(tmp_path: Path) -> None:
    with ready(tmp_path, "--alter", "100%", rows=8) as (job, sandbox):
        found = run(job, sandbox.url, "--canary", "3")
        assert found.code == 9
        lines = found.err.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("Expected the canary"))
        assert lines[at] == (
            "Expected the canary to be there once and as it was sent, found 3 of its 3 events otherwise; the other 5 "
            "of the load are pending"
        )
        ids = ids_sent(sandbox)
        for number, line in enumerate(lines[at + 1 : at + 4], 1):
            assert line.startswith(f"  log.csv row {number}, id {ids[number - 1]}: altered: ")
        assert any(
            line.endswith(': properties.count was sent as 1, and is "altered by the sandbox"')
            for line in lines
        ) or any("type was sent as" in line for line in lines)
        assert lines[at + 4] == (
            "Find out what changes them; the next run asks for the same events again, and goes on if they are as they "
            "were sent. To send the others nevertheless: "
            f"backfill run {job} --endpoint {sandbox.url} --canary 0"
        )
        # Also a run that doesn't ask for one looks at it again, and sends nothing.
        assert run(job, sandbox.url).code == 9
        assert len(ids_sent(sandbox)) == 3
        found = run(job, sandbox.url, "--canary", "0")
        assert found.code == 0
        line = "Canary: not all of its 3 events were there as they were sent; as asked, the others go nevertheless"
        assert line in found.out.splitlines()
        assert sorted(ids_sent(sandbox)) == sorted({*ids_sent(sandbox)})
        assert len(ids_sent(sandbox)) == 8


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("--forget", "missing: it was answered as stored, and didn't show within 1.0 s"),
        ("--double", "doubled: it is there more than once"),
        ("--reject", "refused: 422 unprocessable_entity: "),
    ],
)
def test_whatever_else_becomes_of_it_stops_the_run_and_is_said(tmp_path: Path, fault: str, said: str) -> None:
    with ready(tmp_path, fault, "100%") as (job, sandbox):
        found = run(job, sandbox.url, "--canary", "12")
        assert found.code == 9
        assert found.err.count(f": {said}") == 10
        assert "  and 2 more" in found.err.splitlines()
        assert len(ids_sent(sandbox)) == 12
        told = json.loads(call("status", "--json", "--endpoint", sandbox.url, job).out)
        assert told["rows"]["pending"] == ROWS - 12


def test_an_event_that_shows_late_is_waited_for(tmp_path: Path) -> None:
    with ready(tmp_path, "--visible-after", "1.5", upload='patience = "20s"') as (job, sandbox):
        found = run(job, sandbox.url, "--canary", "5")
        assert found.code == 0, found.err
        [line] = [line for line in found.out.splitlines() if line.startswith("Canary: ")]
        assert " are there once and as they were sent, the last 2." in line


def test_a_key_that_only_writes_is_told_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INKEEPANALYTICS_API_INTEGRATION_KEY")
    with ready(tmp_path) as (job, sandbox):
        (tmp_path / "key").write_text(sandbox.web_key)
        (tmp_path / "key").chmod(0o600)
        found = run(job, sandbox.url, "--canary", "5", "--key-file", str(tmp_path / "key"))
        assert found.code == 6
        assert (
            "Expected a key that can read, to ask for the canary once it is sent, found: the key can't read: status "
            "403; nothing was sent\n"
            "Use an API integration key (INKEEPANALYTICS_API_INTEGRATION_KEY), or run without a canary: "
            f"backfill run {job} --endpoint {sandbox.url} --canary 0\n"
        ) in found.err
        assert ids_sent(sandbox) == []
        assert run(job, sandbox.url, "--canary", "0", "--key-file", str(tmp_path / "key")).code == 0


def test_where_nobody_answers_any_more_it_is_sent_and_asked_for_by_the_next_run(tmp_path: Path) -> None:
    refuses = [True]
    with ready(tmp_path) as (job, sandbox):

        def change(_: dict[str, Any], shown: Shown) -> Shown:
            return Shown(403, b"") if refuses[0] and len(ids_sent(sandbox)) >= 5 else shown

        with showing(sandbox, change) as url:
            found = run(job, url, "--canary", "5")
            assert found.code == 6
            assert (
                "Expected to find the canary as it was sent, found that it can't be told: the key can't read: status "
                "403; its 5 events were sent, the others of the load are pending\n"
                "Run the same command again: the same events are asked for again; or send the others nevertheless: "
            ) in found.err
            assert len(ids_sent(sandbox)) == 5
            refuses[0] = False
            assert run(job, url).code == 0
            assert len(ids_sent(sandbox)) == ROWS


@pytest.mark.parametrize("seconds", [0.4, 1.6])
def test_killed_while_it_is_sent_or_waited_for_it_goes_on_with_the_same_events(
    tmp_path: Path, seconds: float
) -> None:
    with ready(tmp_path, "--no-dedupe", "--visible-after", "2", upload='patience = "6s"') as (job, sandbox):
        running = start(
            "run", "--endpoint", sandbox.url, "--rate", "8/s", "--canary", "10", job, key=sandbox.api_key
        )
        while not (begun := ids_sent(sandbox)):
            time.sleep(0.05)
        time.sleep(seconds)
        running.kill()
        assert finish(running).code == -signal.SIGKILL
        found = run(job, sandbox.url)
        assert found.code == 0, found.err
        [line] = [line for line in found.out.splitlines() if line.startswith("Canary: ")]
        assert line.startswith(
            "Canary: the 10 events that stand for load 1 are there once and as they were sent"
        )
        counts = Counter(ids_sent(sandbox))
        assert (len(counts), set(counts.values())) == (ROWS, {1})
        assert begun[0] in counts


def test_interrupted_while_it_waits_it_says_so_and_goes_on(tmp_path: Path) -> None:
    with ready(tmp_path, "--visible-after", "600", upload='patience = "60s"') as (job, sandbox):
        running = start("run", "--endpoint", sandbox.url, "--canary", "3", job, key=sandbox.api_key)
        while len(ids_sent(sandbox)) < 3:
            time.sleep(0.05)
        time.sleep(0.7)
        running.send_signal(signal.SIGINT)
        found = finish(running, 10)
        assert found.code == 130
        assert len(ids_sent(sandbox)) == 3


def test_each_new_load_has_its_canary_where_the_job_says_so_and_a_small_one_is_all_canary(
    tmp_path: Path,
) -> None:
    with ready(tmp_path, rows=4, upload='patience = "1s"\ncanary = 5') as (job, sandbox):
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        found = run(job, sandbox.url)
        line = "Canary: the 4 events that stand for load 1 are there once and as they were sent; there are no others"
        assert line in found.out.splitlines()
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 21)))
        found = run(job, sandbox.url)
        line = "Canary: the 5 events that stand for load 2 are there once and as they were sent; the other 11 follow"
        assert line in found.out.splitlines()
        assert len(ids_sent(sandbox)) == 20


def test_a_limit_counts_the_canary_too(tmp_path: Path) -> None:
    with ready(tmp_path) as (job, sandbox):
        for sent in (4, 10, 14):
            found = run(job, sandbox.url, "--canary", "10", "--limit", str(sent - len(ids_sent(sandbox))))
            assert found.code == 0, found.err
            assert len(ids_sent(sandbox)) == sent
        assert run(job, sandbox.url).code == 0
        assert len(ids_sent(sandbox)) == ROWS


MEANS = {
    "keeps two": "the destination keeps both of two events of one id: what is sent again is there twice",
    "replaces": "the destination replaces the first of two events of one id: what is sent again is there once",
    "refuses": "the destination refuses the second of two events of one id: what is sent again is there once",
    "keeps one": "the destination keeps the first of two events of one id: what is sent again is there once",
}


@pytest.mark.parametrize(
    ("faults", "effect", "attempts", "doubled"),
    [
        ((), "replaces", 2, 0),
        (("--no-dedupe",), "keeps two", 1, 1),
        (("--conflict",), "refuses", 1, 0),
    ],
)
def test_what_becomes_of_a_second_event_of_an_id_is_found_kept_and_shown(
    tmp_path: Path, faults: tuple[str, ...], effect: str, attempts: int, doubled: int
) -> None:
    with ready(tmp_path, *faults) as (job, sandbox):
        found = run(job, sandbox.url, "--canary", "5", "--probe-dedupe")
        assert found.code == 0, found.err
        assert f"  {MEANS[effect]}" in found.out.splitlines()
        assert len(ids_sent(sandbox)) == ROWS + attempts
        said = json.loads(call("verify", "--endpoint", sandbox.url, "--patience", "0", "--json", job).out)
        assert (said["confirmed"], said["doubled"], said["missing"]) == (ROWS - doubled, doubled, 0)
        write_rows(tmp_path / "log.csv", map(row_of, range(1, ROWS + 2)))
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        assert json.loads(run(job, sandbox.url, "--json").out)["second_event"]["effect"] == effect


def test_where_the_first_event_stays_that_is_found(tmp_path: Path) -> None:
    sent: set[str] = set()

    def ignores(event_id: str) -> bool:
        is_second = event_id in sent
        sent.add(event_id)
        return is_second

    with ready(tmp_path) as (job, sandbox), showing(sandbox, ignores=ignores) as url:
        found = run(job, url, "--canary", "5", "--probe-dedupe")
        assert found.code == 0, found.err
        assert f"  {MEANS['keeps one']}" in found.out.splitlines()


def test_without_a_canary_nothing_is_sent_twice_and_that_is_said(tmp_path: Path) -> None:
    with ready(tmp_path) as (job, sandbox):
        found = run(job, sandbox.url, "--probe-dedupe")
        assert (
            "No event was sent a second time: that takes a canary (--canary N) of a new load"
            in found.out.splitlines()
        )
        found = run(job, sandbox.url, "--probe-dedupe", "--canary", "0")
        assert (found.code, found.err) == (
            2,
            "Expected a canary with --probe-dedupe, found --canary 0\nAs in: --canary 20 --probe-dedupe\n",
        )


def test_from_python_it_is_the_same(tmp_path: Path) -> None:
    with ready(tmp_path, "--alter", "100%") as (job, sandbox):
        outcome = etl.run(job, endpoint=sandbox.url, key=sandbox.api_key, canary=3)
        assert (outcome.exit_code, outcome.sent_now, outcome.books.pending) == (9, 3, ROWS - 3)
        shutil.rmtree(tmp_path / ".backfill")
        shutil.rmtree(tmp_path / "marks")
        with pytest.raises(
            etl.errors.JobError, match="Expected a whole number of 1 or more, found -1 - canary"
        ):
            etl.run(job, endpoint=sandbox.url, key=sandbox.api_key, canary=-1)
