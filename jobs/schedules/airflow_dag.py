"""An Airflow DAG that uploads what is new every night, through the Python API. Airflow 3; goes into the DAGs folder.

The worker needs `pip install inkeep-backfill`, the key in its environment, and a state folder that stays on a local
disk of its own: with several workers, pin the task to one of them by a queue.
"""

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

JOB = "/srv/backfill/jobs/search.toml"
STATE = "/var/lib/backfill"


@dag(
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["backfill"],
)
def backfill_search() -> None:
    """Upload the search logs: validated first, so that a bad export is told before anything is sent."""

    @task
    def check() -> int:
        from etl import BackfillError, validate

        try:
            validation = validate(JOB)
        except BackfillError as error:
            raise AirflowFailException(str(error)) from None
        return validation.outcome.books.pending

    # Only a passing cause is worth another try: each goes on where the one before stopped.
    @task(retries=5, retry_delay=timedelta(minutes=15), retry_exponential_backoff=True)
    def upload(rows: int) -> dict[str, object]:
        from etl import BackfillError, Incomplete, JobLocked, run

        print(f"{rows} rows to look at")
        try:
            return run(JOB, state_dir=STATE, check=True).to_json()
        except Incomplete:
            raise
        except JobLocked as error:
            raise AirflowSkipException(str(error)) from None
        except BackfillError as error:
            raise AirflowFailException(str(error)) from None

    upload(check())


backfill_search()
