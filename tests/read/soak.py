"""The readers' properties for long, for `make soak`: `python -m tests.read.soak [EXAMPLES]`."""

import sys
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.read import test_csv_oracle as oracle
from tests.read.test_fuzz import ANYTHING, check

PROPERTIES = (
    oracle.test_rows_are_those_of_the_csv_module,
    oracle.test_escaped_rows_are_those_of_the_csv_module,
    oracle.test_whatever_the_text_is_chunks_change_nothing,
    oracle.test_whatever_the_bytes_are_every_line_with_something_on_it_is_accounted_for,
)


def run(name: str, check_one: Callable[..., None], strategies: dict[str, Any], examples: int) -> None:
    long = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )

    def check_plain(**values: Any) -> None:
        check_one(**values)

    long(given(**strategies)(check_plain))()
    sys.stdout.write(f"{examples:,} × {name}: ok\n")
    sys.stdout.flush()


def main(examples: int) -> None:
    run("any bytes under any name", check, ANYTHING, examples)
    for test in PROPERTIES:
        inner = test.hypothesis.inner_test  # type: ignore[attr-defined]
        run(
            test.__name__.removeprefix("test_").replace("_", " "),
            inner,
            test.hypothesis._given_kwargs,  # type: ignore[attr-defined]
            examples,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
