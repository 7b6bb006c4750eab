"""A job in seven nights, as a scheduler runs it: what each ends with, logs and measures; and what is there at the
end.
"""

import gzip
import json
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from etl.sandbox.process import SandboxProcess
from tests.faults.trial import MOST_RESENT
from tests.watch.test_metrics import samples_of
from tests.workbench import HEADER, Said, finish, row_of, start, write_job

JOB_NAME = "docs"


@dataclass
class Week:
    """The job, its files, and the server, which goes away and comes back under one address."""

    folder: Path
    job: Path
    sandbox: SandboxProcess
    wanted: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    port: int = 0

    def export(self, name: str, numbers: Iterable[int], *, tail: str = "", bad: Iterable[int] = ()) -> bytes:
        """Write a file of the rows `numbers`, those in `bad` without a time; remember which must arrive."""
        wrong = set(bad)
        rows = [row_of(number, **({"at": "n/a"} if number in wrong else {})) for number in numbers]
        data = ("\n".join([HEADER, *rows]) + "\n" + tail).encode()
        (self.folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        self.wanted |= set(numbers) - wrong
        return data

    def arguments(self, *flags: str) -> list[Any]:
        state = self.folder / "state"
        return [
            *("run", "--quiet", "--endpoint", self.url, "--state-dir", state, *flags),
            *("--metrics-file", self.folder / "backfill.prom", self.job),
        ]

    def begin(self, *flags: str) -> Any:
        return start(*self.arguments(*flags), key=SandboxProcess.api_key)

    def night(self, *flags: str) -> "Night":
        said = finish(self.begin("--log-format", "json", *flags))
        lines = [json.loads(line) for line in said.err.splitlines()]
        log = [json.loads(line) for line in self.logs()[-1].read_text().splitlines()]
        assert log == lines, "the log of the run is kept as it was told"
        return Night(said, log, samples_of((self.folder / "backfill.prom").read_text()))

    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("state/*/logs/run-*.jsonl"))

    def stored(self) -> dict[int, dict[str, Any]]:
        """The events that the server has, by the number of their row."""
        return {
            int(json.loads(event["body"])["searchQuery"].split()[-1].rstrip("?")): event
            for event in self.sandbox.events()
        }


@dataclass(frozen=True)
class Night:
    """What a night came to."""

    said: Said
    log: list[dict[str, Any]]
    metrics: dict[tuple[str, ...], float]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.log]

    def rows(self, word: str) -> float:
        return self.metrics["backfill_rows", JOB_NAME, word]

    def check(self, code: int, events: str, **rows: int) -> None:
        """Hold exit code, log and metrics to one another, and to what is expected."""
        assert self.said.code == code, self.said
        assert self.events == ["run_started", *events.split(), "finished"]
        last = self.log[-1]
        assert (last["exit_code"], last["job"]) == (code, JOB_NAME)
        assert self.metrics["backfill_run_exit_code", JOB_NAME] == code
        told = {word: last["rows"][word] for word in rows}
        assert told == {word: self.rows(word) for word in rows} == rows
        assert last["rows"]["read"] == sum(count for word, count in last["rows"].items() if word != "read")


@pytest.fixture
def week(tmp_path: Path) -> Iterator[Week]:
    job = write_job(tmp_path, paths="log-*", source='mode = "incremental"', max_rejects='"20%"')
    with SandboxProcess(store=tmp_path / "server.db") as sandbox:
        port = int(sandbox.url.rsplit(":", 1)[1])
        yield (one := Week(tmp_path, job, sandbox, port=port))
    one.sandbox.stop()


def test_after_a_week_of_everything_the_server_has_exactly_the_union(week: Week) -> None:
    # Monday: two new files.
    first = week.export("log-monday.csv", range(1, 21))
    week.export("log-monday-2.csv.gz", range(21, 31))
    week.night().check(0, "staged sending settled", read=30, delivered=30, pending=0)

    # Tuesday: a new file, and Monday's grew; its last line is being written.
    week.export("log-tuesday.csv", range(31, 41))
    (week.folder / "log-monday.csv").write_bytes(
        first + "".join(f"{row_of(n)}\n" for n in range(41, 46)).encode() + b"00099,2024-0"
    )
    week.wanted |= set(range(41, 46))
    week.night().check(0, "staged sending settled", read=15, delivered=15)

    # Wednesday: a late file of Sunday, and an export that overlaps with Tuesday's.
    week.export("log-sunday.csv", range(46, 51))
    week.export("log-wednesday.csv", range(36, 61))
    wednesday = week.night()
    wednesday.check(0, "staged sending settled", read=30, delivered=15, duplicate=15, pending=0)
    success = wednesday.metrics["backfill_success_timestamp_seconds", JOB_NAME]
    assert wednesday.metrics["backfill_run_end_timestamp_seconds", JOB_NAME] == pytest.approx(success, abs=1)

    # Thursday: the server is away.
    week.export("log-thursday.csv", range(61, 81))
    week.sandbox.kill()
    thursday = week.night()
    thursday.check(5, "staged sending settled stopped", read=20, delivered=0, pending=20)
    assert thursday.log[-2]["cause"] == "outage"
    assert thursday.metrics["backfill_pending_events", JOB_NAME] == 20
    assert thursday.metrics["backfill_success_timestamp_seconds", JOB_NAME] == success

    # Friday: it is back. Thursday's rows go first; then a file turns out to be damaged, and is named.
    with SandboxProcess(store=week.folder / "server.db", port=week.port) as week.sandbox:
        week.export("log-friday.csv.gz", range(81, 101), bad=[85, 95])
        whole = (week.folder / "log-friday.csv.gz").read_bytes()
        (week.folder / "log-friday.csv.gz").write_bytes(whole[:-20])
        friday = week.night()
        friday.check(4, "sending settled", read=20, delivered=20, pending=0)
        assert "log-friday.csv.gz" in friday.log[-1]["reason"]

        # Saturday: Friday's file is whole; the run is killed halfway.
        (week.folder / "log-friday.csv.gz").write_bytes(whole)
        week.export("log-saturday.csv", range(101, 301), tail="too,short\n")
        before = week.sandbox.stats()["stored"]
        process = week.begin("--log-format", "json", "--rate", "300/s")
        while week.sandbox.stats()["stored"] < before + 50:
            time.sleep(0.005)
        process.kill()
        assert finish(process).code == -signal.SIGKILL
        killed = [json.loads(line)["event"] for line in week.logs()[-1].read_text().splitlines()]
        assert killed == ["run_started", "staged", "sending"], "a log without an end is that of a killed run"

        # Sunday: it resumes, with two schedulers at once, and a file that is new.
        week.export("log-sunday-2.csv", range(301, 311))
        both = [week.begin("--rate", "100/s") for _ in range(2)]
        late, done = sorted((finish(process) for process in both), key=lambda said: -said.code)
        assert (done.code, late.code) == (3, 8), (done, late)
        assert late.out == ""
        [line] = late.err.splitlines()
        assert line.startswith("Expected the job to be free, found it held by `backfill run ")

        # The Monday after: nothing is new, and the half line of Tuesday is whole.
        week.night().check(0, "nothing_new", read=0)
        (week.folder / "log-monday.csv").write_bytes(
            first + "".join(f"{row_of(n)}\n" for n in (*range(41, 46), 99)).encode()
        )
        week.night().check(0, "staged", read=1, duplicate=1)

        stored = week.stored()
        assert set(stored) == week.wanted
        assert all(event["copies"] == 1 for event in stored.values())
        assert sum(event["attempts"] - 1 for event in stored.values()) <= MOST_RESENT
        assert_rejects(week, {("log-friday.csv.gz", 5), ("log-friday.csv.gz", 15), ("log-saturday.csv", 201)})


def assert_rejects(week: Week, expected: set[tuple[str, int]]) -> None:
    [path] = week.folder.glob("state/*/rejects.jsonl")
    rejects = [json.loads(line) for line in path.read_text().splitlines()]
    assert {(reject["file"], reject["row"]) for reject in rejects} == expected


def test_no_log_and_no_metric_holds_the_key_or_a_cell(week: Week) -> None:
    week.export("log-1.csv", range(1, 11), bad=[2])
    night = week.night()
    assert night.said.code == 3
    said = [night.said.err, (week.folder / "backfill.prom").read_text(), week.logs()[-1].read_text()]
    for text in said:
        assert SandboxProcess.api_key not in text
        assert "what is" not in text
    assert week.logs()[-1].stat().st_mode & 0o777 == 0o600
