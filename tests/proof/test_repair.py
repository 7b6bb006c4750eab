"""A repair sends what is missing and nothing else; events that are too deep to be compared are called so."""

import json
from itertools import islice
from pathlib import Path

import pytest

import etl
from etl.ledger.store import Ledger
from tests.proof.test_verify_job import did, verify
from tests.sandbox.client import post
from tests.workbench import call, delivered, row_of, write_job, write_rows


def test_what_is_there_by_now_is_not_sent_again(tmp_path: Path) -> None:
    with delivered(tmp_path, "--forget", "5%", rows=100) as (job, sandbox):
        assert verify(job, sandbox).code == 9
        lost = sorted(did(sandbox))
        bodies = {event.id: json.loads(event.body()) for event in etl.events(job)}
        folder = next((tmp_path / ".backfill").glob("docs@*"))
        # As if a second load's verification had been killed: the first one's is not made again.
        write_rows(tmp_path / "log.csv", map(row_of, range(1, 121)))
        job.write_text(job.read_text().replace("[source]", '[source]\nmode = "incremental"', 1))
        assert call("run", "--quiet", "--endpoint", sandbox.url, "--accept-new-mapping", job).code == 0
        ledger = Ledger.open_existing(folder)
        assert ledger is not None
        with ledger:
            ledger.proofs.begin(2, began_at=1.0, sample=None)
        for event_id in lost:  # what was missing shows late
            post(sandbox.url, bodies[event_id])
        before = len(list(sandbox.attempts()))
        said = json.loads(verify(job, sandbox, "--repair", "--json").out)
        again = [line["id"] for line in sandbox.attempts()][before:]
    assert not set(lost) & set(again)
    assert said["missing"] == 0


def test_events_nested_too_deeply_to_be_compared_are_delivered_and_unknown(tmp_path: Path) -> None:
    job = write_job(tmp_path, 1)
    rows = [
        f'{depth},2024-01-31T09:30:00Z,q,how deep?,"{"[" * depth}{"]" * depth}"' for depth in (150, 300, 900)
    ]
    write_rows(tmp_path / "log.csv", rows)
    job.write_text(job.read_text().replace('cast = "int"', 'cast = "json"'))
    assert call("run", "--sandbox", "--quiet", job).code == 0
    for keep in ("", "[state]\nkeep = true\n"):
        job.write_text(job.read_text() + keep)
        said = json.loads(call("verify", "--sandbox", "--quiet", "--patience", "0", "--json", job).out)
        assert (said["confirmed"], said["unknown"], said["altered"]) == (2, 1, 0)
    typed = etl.events(job)
    assert len(list(islice(typed, 2))) == 2
    with pytest.raises(etl.InputError, match=r"found one nested too deeply - log.csv row 3"):
        next(typed)
