"""Finds what nothing uses, for `make check`: code that no module of etl needs, and parameters that nobody ever sets.

What only tests use is dead too, as etl alone is searched. The exceptions are all here, each with its reason.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parents[1]
CALLED_BY_OTHERS = {
    "__getattr__": "Python asks it for the names of `etl`, which are imported when they are first used",
    "__dir__": "as above",
    "list_commands": "click's",
    "get_command": "click's",
    "format_commands": "click's",
    "writable": "Python's, of a stream",
    "model_config": "pydantic's",
    "messageId": "a field of the API's event or of the job file, which is read by name",
    "conversationId": "as above",
    "searchQuery": "as above",
    "LIE_TRUNCATED": "asked for by its value, as the other faults of the sandbox",
    "should_exit": "uvicorn's",
    "capture_signals": "uvicorn's",
    "receipt_version": "a key of the receipt, which is written as a whole",
    "web_key": "a key of the sandbox that tests ask it for, as people do who try one",
    "p99_seconds": "a part of what a send tells of its latencies",
    "max_seconds": "as above",
    "yielded": "of the books of typed events, for whoever goes through them",
    "safe": "of an exit code, for the page of whoever is on call",
}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
DECORATORS = ["@*.command", "@*_validator"]
# Clocks and chances are arguments throughout, also where no test needs to set them.
SEAMS = {"clock", "clock_ns", "wall_clock", "sleep"}
# Its callers are other people's programs.
PUBLIC = {"api.py", "api_inspect.py", "api_events.py", "api_proof.py"}


def find_unused() -> Iterator[str]:
    search = Vulture(ignore_decorators=DECORATORS)
    search.scavenge([str(ROOT / "etl")])
    unused = search.get_unused_code(min_confidence=60)
    for item in unused:
        if item.name not in CALLED_BY_OTHERS:
            path = Path(item.filename).relative_to(ROOT)
            yield f"{path}:{item.first_lineno}: {item.typ} `{item.name}` is used by nothing in etl"
    for name in CALLED_BY_OTHERS.keys() - {item.name for item in unused}:
        yield f"tests/dead.py: `{name}` is no exception any more"


def find_unset() -> Iterator[str]:
    """Yield the parameters with a default that no call in etl or tests gives a value to."""
    trees = {
        path: ast.parse(path.read_text()) for room in ("etl", "tests") for path in (ROOT / room).rglob("*.py")
    }
    calls: dict[str, list[ast.Call]] = defaultdict(list)
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            calls[_name_of(node.func)].append(node)
            if _name_of(node.func) in ("partial", "to_thread") and node.args:
                calls[_name_of(node.args[0])].append(ast.Call(node.args[0], node.args[1:], node.keywords))
    for path, tree in trees.items():
        if path.parts[len(ROOT.parts)] != "etl" or path.name in PUBLIC:
            continue
        for name, function in _functions_of(tree):
            for parameter in _unset_of(function, calls[name]):
                yield f"{path.relative_to(ROOT)}:{function.lineno}: no call of `{name}` sets `{parameter}`"


def _functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield each function with the name that it is called by: `__init__` by that of its class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (
                (node.name, one) for one in node.body if isinstance(one, FUNCTION) and one.name == "__init__"
            )
        elif isinstance(node, FUNCTION) and node.name != "__init__":
            yield node.name, node


def _unset_of(function: ast.FunctionDef | ast.AsyncFunctionDef, calls: list[ast.Call]) -> Iterator[str]:
    given = function.args
    in_order = [*given.posonlyargs, *given.args]
    bound = 1 if in_order and in_order[0].arg in ("self", "cls") else 0
    first = len(in_order) - len(given.defaults)
    places: list[tuple[str, int | None]] = [
        (one.arg, first + n - bound) for n, one in enumerate(in_order[first:])
    ]
    places += [
        (o.arg, None) for o, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default
    ]
    for name, place in places:
        if name not in SEAMS and calls and not any(_sets(call, name, place) for call in calls):
            yield name


def _sets(call: ast.Call, name: str, place: int | None) -> bool:
    if any(isinstance(one, ast.Starred) for one in call.args) or any(
        one.arg is None for one in call.keywords
    ):
        return True
    return any(one.arg == name for one in call.keywords) or (place is not None and len(call.args) > place)


def _name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


if __name__ == "__main__":
    found = [*find_unused(), *find_unset()]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(f"{len(found)} found: remove it, or say in tests/dead.py why it stays" if found else 0)
