"""A Dagster asset that is the events that a job has delivered, through the Python API.

Load it with `dagster dev -f dagster_asset.py`. The key comes from the environment; the state folder must stay on a
local disk.
"""

from dagster import (
    AssetExecutionContext,
    Backoff,
    DefaultScheduleStatus,
    Definitions,
    Failure,
    MaterializeResult,
    RetryPolicy,
    ScheduleDefinition,
    asset,
    define_asset_job,
)

from etl import BackfillError, Incomplete, run

JOB = "/srv/backfill/jobs/search.toml"
STATE = "/var/lib/backfill"


@asset(
    retry_policy=RetryPolicy(max_retries=5, delay=900, backoff=Backoff.EXPONENTIAL),
    op_tags={"dagster/concurrency_key": "backfill"},
)
def search_events(context: AssetExecutionContext) -> MaterializeResult:
    """Events of the search logs, as far as they are in Inkeep Analytics."""
    try:
        outcome = run(
            JOB, state_dir=STATE, check=True, on_progress=lambda view: context.log.debug("%s", view)
        )
    except Incomplete:
        raise  # a passing cause: the retry goes on where this stopped
    except BackfillError as error:
        raise Failure(error.problem, metadata={"fix": error.fix}, allow_retries=False) from None
    books = outcome.books
    return MaterializeResult(
        metadata={
            "delivered": books.delivered,
            "rejected": books.rejected,
            "duplicate": books.duplicate,
            "sent now": outcome.sent_now,
            "rejects by code": outcome.rejects,
        }
    )


nightly = ScheduleDefinition(
    job=define_asset_job("backfill_search", selection=[search_events]),
    cron_schedule="15 3 * * *",
    default_status=DefaultScheduleStatus.RUNNING,
)

definitions = Definitions(assets=[search_events], schedules=[nightly])
