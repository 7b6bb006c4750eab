import pytest

from etl.errors import JobError
from etl.job.load import parse_job
from etl.job.model import Job, NotifySpec, StateSpec
from tests.workbench import JOB, ROOT

SECRET = "https://hooks.example.org/services/T0P53CR3T"


def parse(top: str) -> Job:
    text = JOB.format(
        paths="a.csv",
        top=top,
        source="",
        more="",
        upload="",
        id='{ columns = ["id"] }',
        max_rejects="0",
        overlap="check",
    )
    return parse_job(text, ROOT / "jobs/docs.toml")


def test_a_job_without_them_tells_nobody_and_keeps_all_loads() -> None:
    job = parse("")
    assert (job.notify, job.state) == (NotifySpec(), StateSpec())
    assert (job.notify.webhook_env, job.notify.heartbeat_env, job.state.keep_loads) == (None, None, None)


def test_all_that_can_be_said_of_notices_and_state() -> None:
    job = parse(
        """
        [notify]
        webhook_env = "HOOK"
        heartbeat_env = "BEAT"
        on = ["failure", "rejects"]
        rejects_share = "2.5%"
        nothing_new_days = 7
        [state]
        keep_loads = 30
        keep_logs = 5
        """
    )
    notify = job.notify
    assert (notify.webhook_env, notify.heartbeat_env, notify.on) == ("HOOK", "BEAT", ("failure", "rejects"))
    assert (notify.rejects_share.share, notify.nothing_new_days) == (0.025, 7)
    assert (job.state.keep_loads, job.state.keep_logs) == (30, 5)


@pytest.mark.parametrize("key", ["webhook_env", "heartbeat_env"])
def test_an_address_in_the_job_file_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(JobError) as caught:
        parse(f'[notify]\n{key} = "{SECRET}"')
    assert caught.value.problem == (
        "Expected the name of an environment variable like BACKFILL_WEBHOOK_URL, because an address is a secret and "
        f"never in a job file, found a value that isn't shown - [notify] {key}, "
        f"{ROOT / 'jobs/docs.toml'} line {caught.value.problem.rpartition(' ')[2]}"
    )
    assert SECRET not in str(caught.value)


def test_an_address_in_place_of_the_table_is_not_repeated() -> None:
    with pytest.raises(JobError) as caught:
        parse(f'notify = "{SECRET}"')
    assert "Expected a table, found a value that isn't shown - notify, " in caught.value.problem
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('on = ["success"]', 'Expected one of "failure", "rejects", "nothing_new", found `"success"`'),
        ("rejects_share = 5", 'Expected a share of the rows like "1%", found `5`'),
        ('rejects_share = "200%"', 'Expected a share of the rows like "1%", found `"200%"`'),
        ("nothing_new_days = 0", "found `0` - [notify] nothing_new_days"),
        ('webhook = "HOOK"', "found `webhook` - [notify]"),
    ],
)
def test_what_can_not_be_is_said_with_its_place(line: str, expected: str) -> None:
    with pytest.raises(JobError) as caught:
        parse(f"[notify]\n{line}")
    assert expected in caught.value.problem


def test_at_least_one_load_is_kept() -> None:
    with pytest.raises(JobError, match="keep_loads"):
        parse("[state]\nkeep_loads = 0")
