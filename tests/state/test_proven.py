"""What verifying proved so far is told wherever people look: status, doctor, the page, metrics and notices."""

import json
import re
from pathlib import Path

from etl.job.model import NotifySpec
from etl.report.html.pages import render_run_page
from etl.report.proven import proven_line
from etl.values.proven import Proven
from etl.values.verification import VerificationCounts
from etl.watch.metrics import JobMetrics, metrics_text
from etl.watch.notice import History, decide_notices
from tests.watch.runs import outcome_of
from tests.workbench import call, delivered, row_of, write_rows

COUNTS = VerificationCounts(asked=300, confirmed=291, missing=5, doubled=2, altered=1, unknown=1)
PROVEN = Proven(400, COUNTS, verified_at=1_700_000_000.0, age_seconds=7_200.0)
TEXT = "291 of 400 delivered events confirmed at the destination (72.8%), 5 missing, 2 doubled, 1 altered, 1 unknown"
FAST = ("--patience", "0", "--rate", "max")


def test_a_hundred_per_cent_is_said_only_where_it_is_so() -> None:
    assert proven_line(PROVEN) == f"{TEXT}; verified 2 h 0 min ago"
    nearly = Proven(1_000_000, VerificationCounts(asked=999_999, confirmed=999_999), 0.0, 1.0)
    assert nearly.text == "999,999 of 1,000,000 delivered events confirmed at the destination (99.9%)"
    every = Proven(3, VerificationCounts(asked=3, confirmed=3), 0.0, 1.0)
    assert every.text == "3 of 3 delivered events confirmed at the destination (100%)"


def test_status_and_doctor_tell_it_once_something_was_verified(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "10%", rows=100) as (job, sandbox):
        where = ("--endpoint", sandbox.url)
        assert json.loads(call("status", "--json", *where, job).out)["verification"] is None
        assert "verified" not in call("status", *where, job).out
        found = json.loads(call("verify", *where, *FAST, "--json", job).out)
        told = json.loads(call("status", "--json", *where, job).out)["verification"]
        words = ("asked", "confirmed", "missing", "doubled", "altered", "unknown")
        assert {word: told[word] for word in words} == {word: found[word] for word in words}
        assert told["share"] == found["confirmed"] / 100
        assert 0 <= told["age_s"] < 60
        line = (
            rf"  {found['confirmed']} of 100 delivered events confirmed at the destination "
            rf"\({found['confirmed']}\.0%\), {found['missing']} missing; verified \d\.\d s ago"
        )
        assert re.search(line, call("status", *where, job).out)
        assert re.search(rf"ok +verified +{line.strip()}", call("doctor", *where, job).out)
        # What is sent after it isn't verified yet.
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"'))
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 201)))
        ran = json.loads(call("run", "--quiet", *where, "--json", job).out)
        assert (ran["verification"]["delivered"], ran["verification"]["confirmed"]) == (
            200,
            found["confirmed"],
        )


def test_the_metrics_tell_it_with_the_time_of_the_last_verification() -> None:
    text = metrics_text([JobMetrics(outcome_of(0, proven=PROVEN), started_at=1.0, ended_at=2.0)], "1")
    for line in (
        'backfill_verified_events{job="search",finding="confirmed"} 291',
        'backfill_verified_events{job="search",finding="missing"} 5',
        'backfill_verified_ratio{job="search"} 0.7275',
        'backfill_verification_timestamp_seconds{job="search"} 1700000000',
    ):
        assert line in text.splitlines()
    assert "backfill_verif" not in metrics_text(
        [JobMetrics(outcome_of(0), started_at=1.0, ended_at=2.0)], "1"
    )


def test_a_notice_of_a_failure_tells_it() -> None:
    spec = NotifySpec(webhook_env="HOOK")
    [notice] = decide_notices(spec, outcome_of(5, proven=PROVEN), History(), 0.0)
    assert notice.details[-1] == f"{TEXT}; verified 2023-11-14 22:13 UTC"


def test_the_page_of_a_run_tells_it() -> None:
    page = render_run_page(outcome_of(0, proven=PROVEN), ())
    assert "Verified at the destination" in page
    assert f"<p>{TEXT}; verified 2 h 0 min ago.</p>" in page
    assert "Verified at the destination" not in render_run_page(outcome_of(0), ())
