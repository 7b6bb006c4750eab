"""Whole runs against a destination that keeps doubles: what was uncertain is asked for, and what a run says of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.ledger.store import Ledger
from etl.stage.parts import load_folder
from etl.upload.load_parts import LoadParts
from etl.values.delivery import BEFORE_ALL, EventPlace
from tests.send.sink import Reply
from tests.upload.destination import Destination, destination
from tests.workbench import Said, call, write_job

REFUSED, GONE, DOWN = Reply(403), Reply(404), Reply(503)
ASK_LATER = (
    "Run again with a key that reads: they are asked for first, and sent only where they aren't there; or send them "
    "unasked: --on-uncertain resend"
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKEEPANALYTICS_API_INTEGRATION_KEY", "CANARY-c0ffee")


@pytest.fixture
def there() -> Iterator[Destination]:
    with destination() as (one, _):
        yield one


def run(job: Path, there: Destination, *flags: object) -> tuple[int, dict[str, Any]]:
    said = call("run", "--json", "--quiet", *flags, "--endpoint", there.url, job)
    return said.code, json.loads(said.out)


def told(job: Path, there: Destination, *flags: object) -> Said:
    return call("run", "--quiet", *flags, "--endpoint", there.url, job)


def ledger_folder(job: Path) -> Path:
    return next((job.parent / ".backfill").glob("docs@*"))


def ledger_of(job: Path) -> Ledger:
    ledger = Ledger.open_existing(ledger_folder(job))
    assert ledger is not None
    return ledger


def begin(job: Path, there: Destination, sent: int, through: int) -> None:
    """Deliver `sent` events, and leave the ledger as a killed run does that may have sent those `through` a place."""
    assert run(job, there, "--limit", sent)[0] == 0
    with ledger_of(job) as ledger:
        ledger.notes.offered.put(1, EventPlace(0, through))


def test_a_limit_counts_events_of_an_earlier_run_only_once_they_are_sent(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 40)
    begin(job, there, 10, 29)
    code, outcome = run(job, there, "--limit", 5)
    assert (code, len(there.bodies), outcome["uncertain"]["pending"]) == (0, 15, 20)
    code, outcome = run(job, there, "--limit", 8)  # five that never left, and three that aren't there
    assert (code, len(there.bodies), outcome["uncertain"]["sent_again"]) == (0, 23, 3)
    assert run(job, there)[0] == 0
    assert set(there.copies.values()) == {1}


def test_who_sends_again_unasked_up_to_a_limit_keeps_what_an_earlier_run_may_have_sent(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 100)
    begin(job, there, 10, 50)
    assert run(job, there, "--on-uncertain", "resend", "--limit", 20)[0] == 0
    with ledger_of(job) as ledger:
        assert ledger.notes.offered.of(1) == EventPlace(0, 50)
    assert run(job, there, "--on-uncertain", "resend", "--limit", 30)[0] == 0
    with ledger_of(job) as ledger:
        assert ledger.notes.offered.of(1) == BEFORE_ALL


def test_a_key_that_reads_no_more_sends_nothing_twice_and_the_next_run_says_what_it_needs(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 60)
    there.loses = lambda request: request.number % 10 == 0
    there.asked = lambda request: there.show(request) if there.queries == 1 else REFUSED
    code, outcome = run(job, there)
    assert (code, outcome["state"], outcome["rows"]["pending"]) == (6, "incomplete", 6)
    assert outcome["message"] == (
        "The key reads no more: 6 events may be there already, and nobody can be asked: the key can't read: status 403 "
        f"- POST {there.url}/query/events"
    )
    assert outcome["fix"] == ASK_LATER
    assert len(there.bodies) == 60

    there.asked = lambda _: REFUSED
    code, outcome = run(job, there)
    assert code == 6
    assert outcome["message"] == (
        "Expected a key that can read, as the last run had, which left 6 events that may be there already, found: the "
        "key can't read: status 403"
    )
    assert outcome["fix"].endswith("or --on-uncertain resend; nothing was sent")
    assert len(there.bodies) == 60

    there.asked = there.show
    code, outcome = run(job, there)
    assert (code, outcome["uncertain"]["found_there"], len(there.bodies)) == (0, 6, 60)


def test_the_way_out_of_a_key_that_reads_no_more_is_to_send_again_unasked(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 20)
    there.loses = lambda request: request.number == 3
    there.asked = lambda request: there.show(request) if there.queries == 1 else REFUSED
    assert run(job, there)[0] == 6
    said = told(job, there, "--on-uncertain", "resend")
    assert said.code == 0
    assert (
        "  as on_uncertain says: uncertain events are sent again, unasked: a destination that keeps doubles may hold "
        "some of them twice\n"
    ) in said.out
    assert sorted(there.copies.values()) == [1] * 19 + [2]


def test_a_query_route_that_is_gone_in_the_middle_leaves_what_is_uncertain_pending(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 60)
    there.loses = lambda request: request.number % 20 == 0
    there.asked = lambda request: there.show(request) if there.queries == 1 else GONE
    said = told(job, there)
    assert said.code == 5
    assert (
        "Gave up asking for now: 3 events may be there already, and nobody can be asked: the destination takes no "
        f"queries: status 404 - POST {there.url}/query/events\n{ASK_LATER}\n"
    ) in said.err
    assert "  uncertain: 0 found there, 0 sent again, 3 pending: the next run asks for them\n" in said.err
    assert set(there.copies.values()) == {1}


def test_queries_that_fail_for_a_while_are_made_again(tmp_path: Path, there: Destination) -> None:
    job = write_job(tmp_path, 60)
    there.loses = lambda request: request.number % 20 == 0
    there.asked = lambda request: there.show(request) if there.queries in (1, 4, 5, 6) else DOWN
    code, outcome = run(job, there)
    assert (code, outcome["uncertain"]["found_there"], len(there.bodies)) == (0, 3, 60)


def test_a_slow_query_holds_up_nothing_but_what_it_asks_for(tmp_path: Path, there: Destination) -> None:
    job = write_job(tmp_path, 300)
    there.loses = lambda request: request.number == 0
    there.asked = lambda request: there.show(request)._replace(
        delay_seconds=0.0 if there.queries == 1 else 2.0
    )
    # Were each of the others to wait for the slow answer, the test would run into its timeout.
    code, outcome = run(job, there)
    assert (code, outcome["uncertain"]["found_there"], len(there.bodies)) == (0, 1, 300)


def test_what_is_shown_only_after_the_patience_goes_twice_and_the_summary_says_what_it_rests_on(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 20)
    there.loses = lambda request: request.number == 0
    there.asked = lambda _: Reply(body=b'{"data": {"result": [], "count": 0, "total": 0}}')
    said = told(job, there)
    assert said.code == 0
    assert "  uncertain: 0 found there, 1 sent again, not there after 1.0 s\n" in said.out
    assert sorted(there.copies.values()) == [1] * 19 + [2]


def test_what_is_there_twice_or_otherwise_is_told(tmp_path: Path, there: Destination) -> None:
    job = write_job(tmp_path, 20)
    begin(job, there, 5, 9)
    with ledger_of(job) as ledger:
        parts = LoadParts(ledger, 1, load_folder(ledger_folder(job), 1))
        read = parts.read([EventPlace(0, 5), EventPlace(0, 6)]).values()
    twice, otherwise = (json.loads(body) for *_, body in read)
    there.bodies += [twice, twice, otherwise | {"searchQuery": "another"}]
    said = told(job, there)
    assert said.code == 0, said
    assert "  uncertain: 2 found there, 3 sent again, not there after 1.0 s\n" in said.out
    again = f"backfill verify {job} --endpoint {there.url}"
    assert f"  of those found there 1 more than once, 1 not as sent: {again} names each\n" in said.out


def mend(job: Path) -> None:
    """Let what is sent from here on carry another property."""
    text = job.read_text(encoding="utf-8")
    job.write_text(text.replace("[upload]", 'mended = { value = "yes" }\n[upload]'), encoding="utf-8")


def bodies_of(job: Path, *places: int) -> list[dict[str, Any]]:
    with ledger_of(job) as ledger:
        parts = LoadParts(ledger, 1, load_folder(ledger_folder(job), 1))
        return [json.loads(body) for *_, body in parts.read(EventPlace(0, at) for at in places).values()]


def test_what_a_killed_run_brought_there_is_asked_for_before_its_rows_are_staged_again(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 40, id_spec='{ duplicates = "collapse" }')
    begin(job, there, 10, 29)
    there.bodies += bodies_of(job, *range(12, 20))
    mend(job)
    code, outcome = run(job, there)
    assert (code, there.queries) == (2, 1)
    code, outcome = run(job, there, "--accept-new-mapping")
    assert code == 0
    assert outcome["remapped"] | {"example": None} == {
        "delivered_before": 18,
        "going": 22,
        "new_ids": 22,
        "new_bodies": 0,
        "dropped": 0,
        "revived": 0,
        "delivered_differ": 18,
        "found_there": 8,
        "maybe_sent": False,
        "example": None,
    }
    assert "8 of those delivered had no answer, were asked for and found there" in outcome["notes"], outcome[
        "notes"
    ]
    rows = [body["searchQuery"] for body in there.bodies]
    assert len(rows) == len(set(rows)) == 40
    assert sum("mended" in body["properties"] for body in there.bodies) == 22
    assert (outcome["rows"]["delivered"], outcome["rows"]["pending"]) == (40, 0)


def test_a_load_is_not_staged_again_while_what_may_be_there_cannot_be_told(
    tmp_path: Path, there: Destination
) -> None:
    job = write_job(tmp_path, 40)
    begin(job, there, 10, 29)
    mend(job)
    there.queries = 0
    there.asked = lambda request: there.show(request) if there.queries == 1 else GONE
    code, outcome = run(job, there, "--accept-new-mapping")
    assert (code, len(there.bodies)) == (5, 10)
    assert outcome["message"] == (
        "Expected to know what of the load is there before its rows get other ids, found: 20 events may be there "
        "already, and nobody can be asked: the destination takes no queries: status 404 - POST "
        f"{there.url}/query/events"
    )
    assert outcome["fix"] == (
        "Run the same command again later; or send what may be there again, unasked: --on-uncertain resend"
    )
    code, outcome = run(job, there, "--accept-new-mapping", "--on-uncertain", "resend")
    assert (code, len(there.bodies), outcome["remapped"]["maybe_sent"]) == (0, 40, True)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_stored_and_then_failed_is_asked(
    tmp_path: Path, there: Destination, status: int
) -> None:
    job = write_job(tmp_path, 20)
    there.loses = lambda request: request.number == 4
    there.lost_reply = Reply(status)
    code, outcome = run(job, there)
    assert (code, outcome["uncertain"]["found_there"], len(there.bodies)) == (0, 1, 20)


def test_a_server_that_says_it_did_nothing_is_not_asked(tmp_path: Path, there: Destination) -> None:
    job = write_job(tmp_path, 20)
    there.loses = lambda request: request.number == 4
    there.lost_reply = Reply(503)
    code, outcome = run(job, there)
    assert (code, outcome["uncertain"]["found_there"], outcome["retries"]) == (0, 0, 1)
    assert there.queries == 1
