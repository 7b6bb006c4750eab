"""From Python, too, the destination is asked: what was delivered is verified, what is there already adopted."""

import asyncio
import shutil
from pathlib import Path

import pytest

import etl
from tests.workbench import delivered


def test_a_lost_state_is_adopted_and_verified_also_inside_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "marks"))
    with delivered(tmp_path, rows=20) as (job, sandbox):
        shutil.rmtree(tmp_path / ".backfill")

        async def adopted() -> etl.Adoption:
            return etl.adopt(job, endpoint=sandbox.url, patience_seconds=0)

        done = asyncio.run(adopted())
        assert (done.found, done.absent, done.pending, done.exit_code) == (20, 0, 0, 0)
        found = etl.verify(job, endpoint=sandbox.url, patience_seconds=0)
        assert (found.counts.confirmed, found.exit_code) == (20, 0)
        with pytest.raises(etl.JobError, match="Expected sandbox or endpoint, found both"):
            etl.verify(job, endpoint=sandbox.url, sandbox=True)


def test_the_typed_events_are_part_of_it() -> None:
    event = etl.StoredEvent.model_validate({"id": "1", "createdAt": "2024-01-31T09:30:00Z"})
    assert event.createdAt is not None
    assert {etl.MessageEvent, etl.ConversationEvent, etl.SearchEvent} == set(etl.Event.__args__)
