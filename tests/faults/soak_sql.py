"""Trials of SQL for `make soak`: thousands of expressions, right and wrong, each refused or of its row alone."""

from hypothesis import HealthCheck, given, settings

from tests.properties.sql import EXPRESSIONS, check_sql

__all__ = ["try_expressions"]

EXAMPLES = 4_000


def try_expressions() -> tuple[int, int, str]:
    """Return how many expressions were tried, how many a job takes, and what was wrong with one, if anything."""
    tried: list[bool] = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(EXPRESSIONS)
    def try_out(sql: str) -> None:
        tried.append(check_sql(sql))

    try:
        try_out()
    except Exception as error:  # noqa: BLE001 - whatever comes is a finding
        return len(tried), sum(tried), f"{type(error).__name__}: {error}"[:100]
    return len(tried), sum(tried), ""
