"""No test fails because the machine was busy: none asserts that something took less than so long of real time.

What has to be quick is shown by what was not waited for, or in virtual time (`tests/send/virtual.py`). `make soak` has
a stopwatch.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
CLOCKS = {"monotonic", "perf_counter", "time"}


def is_stopwatch(node: ast.expr) -> bool:
    """Whether this is what a clock shows, less what it showed before."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Call)
        and isinstance(node.left.func, ast.Attribute)
        and node.left.func.attr in CLOCKS
        and not isinstance(node.right, ast.Constant)
    )


def find_bounds(source: str) -> Iterator[int]:
    """Yield the lines that assert of a stopwatch, or of a name that holds one, that it shows less than something."""
    tree = ast.parse(source)
    held = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_stopwatch(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            sides = [node.test.left, *node.test.comparators]
            for left, how, right in zip(sides, node.test.ops, sides[1:], strict=False):
                small, large = (left, right) if isinstance(how, (ast.Lt, ast.LtE)) else (right, left)
                if not isinstance(how, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) or large is small:
                    continue
                if is_stopwatch(small) or (isinstance(small, ast.Name) and small.id in held):
                    yield node.lineno


def test_no_test_asserts_that_real_time_was_short() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for line in find_bounds(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_such_an_assertion_is_found() -> None:
    source = "import time\nbegan = time.monotonic()\nassert time.monotonic() - began < 5\n"
    source += "took = time.time() - began\nassert 1 < took < 2\nassert took > 3\nassert 5 >= took\n"
    assert list(find_bounds(source)) == [3, 5, 7]
