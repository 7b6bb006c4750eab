"""Whatever SQL a job holds: an error that says what to mend, or a value that depends on its row alone."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.sql import EXPRESSIONS, check_sql


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS)
def test_an_expression_is_refused_or_of_its_row_alone(sql: str) -> None:
    check_sql(sql)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abntf'\"()[],;.*-/+%|<>=:$ \t\nSELECTFROMINWHEN01\0é", max_size=40))
def test_any_text_is_refused_or_of_its_row_alone(sql: str) -> None:
    check_sql(sql)
