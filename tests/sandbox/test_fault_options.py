from typing import Any

import pytest

from etl.errors import JobError
from etl.sandbox.fault_options import FAULT_OPTIONS, parse_faults
from etl.sandbox.faults import NO_FAULTS, Faults


def test_nothing_given_is_a_server_without_faults() -> None:
    assert parse_faults({}) == NO_FAULTS
    untouched = {option.key: option.is_on if option.metavar is None else None for option in FAULT_OPTIONS}
    assert parse_faults(untouched) == NO_FAULTS


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"rate_limit": "200/s"}, Faults(rate_per_second=200.0)),
        ({"rate_limit": "600/min"}, Faults(rate_per_second=10.0)),
        ({"retry_after": "date"}, Faults(retry_after="date")),
        ({"latency_ms": "50"}, Faults(latency_seconds=0.05)),
        ({"latency_ms": "50:20"}, Faults(latency_seconds=0.05, jitter_seconds=0.02)),
        ({"fail": "5%"}, Faults(fail_share=0.05)),
        ({"fail": "5%:500"}, Faults(fail_share=0.05, fail_status=500)),
        ({"fail_first": "3"}, Faults(fail_first=3)),
        ({"reset": "0.5%"}, Faults(reset_share=0.005)),
        ({"lose_answers": "10%"}, Faults(lose_share=0.1)),
        ({"lie": "html"}, Faults(lie="html", lie_share=1.0)),
        ({"lie": "other-id:10%"}, Faults(lie="other-id", lie_share=0.1)),
        ({"reject": "2%"}, Faults(reject_share=0.02)),
        ({"refuse_key_after": "100"}, Faults(refuse_key_after=100)),
        ({"down_after": "100"}, Faults(down_after=100)),
        ({"down_after": "100:2.5"}, Faults(down_after=100, down_seconds=2.5)),
        ({"dedupe": False}, Faults(dedupe=False)),
        ({"conflict": True}, Faults(conflict=True)),
        ({"forget": "1%"}, Faults(forget_share=0.01)),
        ({"alter": "1%"}, Faults(alter_share=0.01)),
        ({"double": "1%"}, Faults(double_share=0.01)),
        ({"visible_after": "2.5"}, Faults(visible_after_seconds=2.5)),
        ({"page_rows": "7"}, Faults(page_rows=7)),
        ({"stringify": True}, Faults(stringify=True)),
        ({"query_rate_limit": "300/min"}, Faults(query_rate_per_second=5.0)),
        ({"refuse_queries": True}, Faults(refuse_queries=True)),
        ({"seed": "7"}, Faults(seed=7)),
    ],
)
def test_an_option_sets_its_fault_alone(given: dict[str, Any], faults: Faults) -> None:
    assert parse_faults(given) == faults


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rate_limit": "fast"}, "Expected a rate like `200/s` or `600/min`, found `fast` - --rate-limit"),
        ({"rate_limit": "0/s"}, "Expected a rate like `200/s` or `600/min`, found `0/s` - --rate-limit"),
        ({"fail": "5"}, "Expected a share from `0%` to `100%`, found `5` - --fail"),
        ({"fail": "5%:200"}, "Expected a status from 400 to 599 after the share, found `5%:200` - --fail"),
        ({"reset": "101%"}, "Expected a share from `0%` to `100%`, found `101%` - --reset"),
        ({"seed": "-1"}, "Expected a whole number like `100`, found `-1` - --seed"),
        (
            {"lie": "text"},
            "Expected one of `html`, `other-id`, `empty`, `truncated`, found `text` - --lie",
        ),
        ({"latency_ms": "x"}, "Expected a number like `2.5`, found `x` - --latency-ms"),
        (
            {"dedupe": False, "conflict": True},
            "Expected one of `--no-dedupe` and `--conflict`, found both",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_named(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(JobError) as caught:
        parse_faults(given)
    assert caught.value.problem == problem
    assert caught.value.fix
