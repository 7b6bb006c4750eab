"""What else the destination holds of a job's types and days is counted, told, and never guessed."""

import json
from pathlib import Path
from typing import Any

from etl.sandbox.process import SandboxProcess
from tests.oddity import Change, Shown, showing
from tests.workbench import Said, call, delivered, row_of, write_job, write_rows

FAST = ("--patience", "0", "--rate", "max")


def run(job: Path, url: str, *options: str) -> None:
    ran = call("run", "--quiet", "--endpoint", url, *options, job)
    assert ran.code == 0, ran.err


def verify(job: Path, url: str, *options: str) -> Said:
    return call("verify", "--endpoint", url, *FAST, *options, job)


def others(job: Path, url: str) -> int | None:
    found: int | None = json.loads(verify(job, url, "--json").out)["others"]
    return found


def send_of_others(folder: Path, sandbox: SandboxProcess, at: str, numbers: range) -> None:
    folder.mkdir()
    run(write_job(folder, [row_of(number, at=at) for number in numbers]), sandbox.url)


def line_of(found: Said) -> str:
    [line] = [line for line in found.out.splitlines() if line.startswith("  others")]
    return line


def test_events_of_another_job_on_the_same_days_are_told_and_no_difference(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=30) as (job, sandbox):
        send_of_others(tmp_path / "same-day", sandbox, "2024-01-31T23:59:59.999Z", range(1_000, 1_012))
        send_of_others(tmp_path / "next-day", sandbox, "2024-02-01T00:00:00Z", range(2_000, 2_005))
        found = verify(job, sandbox.url)
        assert found.code == 0
        assert line_of(found) == (
            "  others     12  of the same types, from 2024-01-31 to 2024-01-31, that this job did not send"
        )
        assert others(job, sandbox.url) == 12
        # Of a sample nothing follows.
        assert "others" not in verify(job, sandbox.url, "--sample", "10").out


def test_the_jobs_own_count_is_right_where_they_are_missing_doubled_and_altered(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "5%", "--alter", "20%", "--double", "20%", rows=200) as (
        job,
        sandbox,
    ):
        assert others(job, sandbox.url) == 0
        # What the sandbox spoils of the other job it spoils by the id: it is counted as it is there.
        send_of_others(tmp_path / "other", sandbox, "2024-01-31T10:00:00Z", range(1_000, 1_050))
        there = [
            line["id"]
            for line in sandbox.events()
            if line["id"] not in sent_by(job, sandbox)
            and line["event"]["type"] == "search_query_submitted"
            and line["event"]["createdAt"].startswith("2024-01-31")
        ]
        assert others(job, sandbox.url) == len(there)


def sent_by(job: Path, sandbox: SandboxProcess) -> set[str]:
    ids = job.parent / "ids.txt"
    if not ids.exists():
        assert call("receipt", "--endpoint", sandbox.url, job, "--ids", ids).code == 0
    return set(ids.read_text().splitlines())


def is_count(query: dict[str, Any]) -> bool:
    return "groupBy" in query


def refused(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown(400, b'{"title": "groupBy is not allowed"}')


def cut(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown.of(shown.data | {"total": 7})


def without_total(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown.of({"result": shown.data["result"]})


def of_another_type(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown.of(shown.data | {"result": [{"type": "modal_opened", "count": 40}]})


def fewer_than_are_there(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown.of(shown.data | {"result": [{"type": "search_query_submitted", "count": 29}]})


def no_json(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown(200, b"<html>")


def page_of_nothing(_: dict[str, Any], shown: Shown) -> Shown:
    return Shown.of(shown.data | {"result": [], "count": 0, "pageSize": 0})


CHANGES: tuple[Change, ...] = (
    refused,
    cut,
    without_total,
    of_another_type,
    fewer_than_are_there,
    no_json,
    page_of_nothing,
)


def test_what_an_answer_does_not_say_is_unknown_and_the_rest_is_verified(tmp_path: Path) -> None:
    now: list[Change] = [refused]
    with (
        delivered(tmp_path, rows=30) as (job, sandbox),
        showing(sandbox, lambda query, shown: now[0](query, shown) if is_count(query) else shown) as url,
    ):
        run(job, url, "--overlap=send")
        for now[0] in CHANGES:
            found = verify(job, url)
            assert found.code == 0
            assert line_of(found) == (
                "  others      ?  how many other events are there can't be told: the destination's answer doesn't say "
                "so"
            )
        assert others(job, url) is None


def test_nothing_is_said_while_some_of_the_jobs_own_may_be_there_unsettled(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=30) as (job, sandbox):
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 61)))
        run(job, sandbox.url, "--limit", "5")
        found = verify(job, sandbox.url)
        assert line_of(found).endswith("can't be told: some of its own are still pending, and may be there")
        run(job, sandbox.url)
        assert others(job, sandbox.url) == 0


def test_where_older_loads_are_cleared_their_events_are_not_taken_for_others(tmp_path: Path) -> None:
    with delivered(tmp_path, rows=30, top="") as (job, sandbox):
        text = job.read_text().replace("[source]", '[state]\nkeep_loads = 1\n[source]\nmode = "incremental"')
        job.write_text(text)
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 41)))
        run(job, sandbox.url)
        found = verify(job, sandbox.url)
        assert found.code == 0
        assert line_of(found).endswith("can't be told: the ids of its older loads aren't kept")
