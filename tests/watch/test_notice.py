import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.job.amounts import MaxRejects
from etl.job.model import NotifySpec
from etl.values.books import Books
from etl.watch.notice import History, Notice, choose_heartbeat, decide_notices, webhook_payload
from tests.watch.runs import SECRET_CELL, outcome_of

DAY = 86_400.0
UNKNOWN = History()
ALL = NotifySpec(webhook_env="HOOK")
NOTHING_READ = outcome_of(books=Books(), rejects={}, sent_now=0, loads=())


def causes(spec: NotifySpec, exit_code: int = 0, history: History = UNKNOWN, now: float = 0.0) -> list[str]:
    return [notice.cause for notice in decide_notices(spec, outcome_of(exit_code), history, now)]


@pytest.mark.parametrize("exit_code", [1, 2, 4, 5, 6, 7, 10, 143])
def test_a_run_that_failed_is_told(exit_code: int) -> None:
    assert causes(ALL, exit_code) == ["failure"]


@pytest.mark.parametrize("exit_code", [8, 130])
def test_a_run_that_found_another_one_or_was_stopped_by_hand_is_not_told(exit_code: int) -> None:
    assert causes(ALL, exit_code) == []


@pytest.mark.parametrize(("share", "told"), [(0.0, True), (0.19, True), (0.2, False), (0.5, False)])
def test_rejects_are_told_where_they_are_above_the_share(share: float, told: bool) -> None:
    spec = NotifySpec(webhook_env="HOOK", rejects_share=MaxRejects(None, share))
    assert causes(spec, 3) == (["rejects"] if told else [])


def test_a_cause_that_was_not_asked_for_is_not_told() -> None:
    assert causes(NotifySpec(webhook_env="HOOK", on=("rejects",)), 5) == []
    assert causes(NotifySpec(webhook_env="HOOK", on=("failure",)), 3) == []


@pytest.mark.parametrize(
    ("days", "last_run_days", "told"),
    [
        (2.9, 1.9, False),
        (3.0, 2.0, True),
        (3.9, 2.9, True),
        (4.0, 3.0, False),
        (6.1, 5.1, True),
        (6.2, 6.1, False),
    ],
)
def test_nothing_new_is_told_once_for_each_period_that_went_by(
    days: float, last_run_days: float, told: bool
) -> None:
    history = History(last_new_at=1000.0, last_run_at=1000.0 + last_run_days * DAY)
    notices = decide_notices(ALL, NOTHING_READ, history, 1000.0 + days * DAY)
    assert [notice.cause for notice in notices] == (["nothing_new"] if told else [])


def test_a_run_that_read_rows_is_no_reason_to_miss_new_ones() -> None:
    assert causes(ALL, 0, History(0.0, 0.0), 100 * DAY) == ["rejects"]


def test_a_first_run_is_no_reason_to_miss_new_rows() -> None:
    assert decide_notices(ALL, NOTHING_READ, UNKNOWN, 100 * DAY) == ()


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=60), st.integers(1, 5))
def test_however_often_a_job_runs_a_period_without_rows_is_told_once(gaps: list[float], period: int) -> None:
    spec = NotifySpec(webhook_env="HOOK", nothing_new_days=period)
    now, before, told = 0.0, None, 0
    for gap in gaps:
        now += gap * DAY
        told += len(decide_notices(spec, NOTHING_READ, History(0.0, before), now))
        before = now
    assert told <= now // (period * DAY)
    if now >= (period + 2) * DAY:
        assert told >= 1


@pytest.mark.parametrize(
    ("exit_code", "beat"),
    [(0, "success"), (3, "success"), (5, "fail"), (143, "fail"), (8, None), (130, None)],
)
def test_the_heartbeat_says_how_a_run_ended(exit_code: int, beat: str | None) -> None:
    assert choose_heartbeat(outcome_of(exit_code)) == beat


def test_a_notice_says_what_happened_in_counts() -> None:
    outcome = outcome_of(5, state="incomplete", books=Books(read=10, delivered=6, pending=4))
    [notice] = decide_notices(ALL, outcome, UNKNOWN, 0.0)
    assert notice.text == (
        "backfill search: incomplete, exit 5 - incomplete for a passing cause: the same command goes on\n"
        "10 rows read: 6 delivered, 4 pending"
    )
    [notice] = decide_notices(ALL, outcome_of(3), UNKNOWN, 0.0)
    assert notice.text == "backfill search: 2 of 10 rows rejected (20%)\n2 malformed_record"


@pytest.mark.parametrize("exit_code", [1, 2, 5, 6, 10])
def test_nothing_that_a_server_said_is_told(exit_code: int) -> None:
    [notice] = decide_notices(ALL, outcome_of(exit_code, message=f"refused: {SECRET_CELL}"), UNKNOWN, 0.0)
    assert SECRET_CELL not in notice.text


def test_slacks_markup_is_escaped() -> None:
    assert webhook_payload((Notice("failure", "a <b> & c"), Notice("rejects", "d"))) == {
        "text": "a &lt;b&gt; &amp; c\n\nd"
    }
