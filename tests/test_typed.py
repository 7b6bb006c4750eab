"""Every command that a sentence tells to type is whole: the job's own file, and the flags that mean the same state."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.typed import JobName, type_command

PACKAGE = Path(__file__).parents[1] / "etl"
VERBS = "preview|validate|run|status|rejects|retry|dismiss|verify|adopt|receipt|reset|loads|doctor"
# What says a command without typing it: names of spans and suites, what `--help` says, a page of docs/.
TOLD = {
    "cli/__init__.py": "what --help says of all commands",
    "exits.py": "a table of docs/operating.md, of no job in particular",
    "watch/telemetry.py": "the name of a span",
    "report/ci.py": "the name of a suite",
    "api.py": "the name of a thread",
    "cli/verify.py": "which arguments it takes",
    "cli/verify_receipt.py": "what to do elsewhere, where the job of the receipt is",
    "receipts/ids_file.py": "what to do elsewhere, where the job of the receipt is",
    "report/summary.py": "`backfill verify` names what it does",
}
# The first argument of these names what holds a lock.
NAMES_A_HOLDER = ("look_into", "JobLock")


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that may be shown: docstrings, help and names of holders of a lock are none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    quiet = {id(node) for node in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("help", "metavar", "command"):
            quiet |= {id(inner) for inner in ast.walk(node.value)}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in NAMES_A_HOLDER:
            quiet |= {id(inner) for argument in node.args for inner in ast.walk(argument)}
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(getattr(target, "id", "") == "command" for target in targets):
                quiet |= {id(inner) for inner in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_no_sentence_has_a_stand_in_for_the_job_or_a_command_of_its_own_making(path: Path) -> None:
    if path.relative_to(PACKAGE).as_posix() in TOLD or path.name == "typed.py":
        return
    for line, text in sentences(path):
        assert not re.search(r"\bJOB\b", text), (
            f"{path}:{line}: {text!r}: take it from etl.typed.type_command"
        )
        assert not re.search(rf"\bbackfill ({VERBS})\b", text), (
            f"{path}:{line}: {text!r}: take it from etl.typed.type_command"
        )


def test_a_command_is_typed_with_what_its_job_was_named_by() -> None:
    name = JobName(
        "my jobs/docs.toml", sandbox=True, state_dir="/var/lib/back fill", settings={"DATE": "a b"}
    )
    name.speak()
    assert type_command("rejects", "--corrections") == (
        "backfill rejects 'my jobs/docs.toml' --sandbox --state-dir '/var/lib/back fill' --set 'DATE=a b' --corrections"
    )
    assert type_command("validate") == (
        "backfill validate 'my jobs/docs.toml' --state-dir '/var/lib/back fill' --set 'DATE=a b'"
    )
    assert type_command("preview") == "backfill preview 'my jobs/docs.toml' --set 'DATE=a b'"


def test_a_rehearsal_is_told_without_the_endpoint_that_contradicts_it() -> None:
    name = JobName("docs.toml", endpoint="https://staging.example")
    assert name.type("status") == "backfill status docs.toml --endpoint https://staging.example"
    assert name.type("run", "--sandbox") == "backfill run docs.toml --sandbox"


@pytest.mark.parametrize("verb", VERBS.split("|"))
def test_every_command_takes_the_flags_that_it_is_typed_with(verb: str) -> None:
    from etl.cli import backfill

    for name in (
        JobName("docs.toml", sandbox=True, state_dir="state", settings={"A": "1"}),
        JobName("docs.toml", endpoint="https://one.example"),
    ):
        words = shlex.split(name.type(verb))
        command = backfill.get_command(None, verb)  # type: ignore[arg-type]
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
