"""Imports go one way: cli → run → stages → core. Stages don't know one another; libraries stay in their rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "etl"
STAGES = {"job", "read", "transform", "stage", "ledger", "send", "report", "sandbox", "watch", "guess"}
# The parsed job, where in its file a key is, the columns it rests on and its endpoint are the words that every stage speaks.
SHARED = {"etl.job.model", "etl.job.places", "etl.job.columns", "etl.send.endpoint"}
ROOMS = {
    "click": {"cli"},
    "httpx": {"send"},
    "pyreqwest": {"send"},
    "sqlite3": {"ledger", "sandbox"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "obstore": {"read"},
    "matplotlib": {"report"},
    "clevercsv": {"guess"},
    "charset_normalizer": {"guess"},
    "opentelemetry": {"watch"},
}


def list_modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def find_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """The first folder below `etl`, or "core" for a module of the package's own."""
    parts = module.split(".")
    if len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
        return parts[1]
    return "core" if len(parts) > 1 else "etl"


def forbidden_reason(room: str, imported: str) -> str | None:
    top = imported.split(".")[0]
    if top != "etl":
        allowed = ROOMS.get(top)
        return f"{top} belongs in {sorted(allowed)}" if allowed and room not in allowed else None
    target = room_of(imported)
    if room == "cli" or target in ("core", room):
        return None
    if room == "core":
        return "a core module imports only core modules"
    if room in ("run", "proof"):
        return "the run knows nothing of the command line" if target == "cli" else None
    if target in STAGES and any(imported == name or imported.startswith(f"{name}.") for name in SHARED):
        return None
    return f"the {room} stage must not know `{target}`"


@pytest.mark.parametrize("path", list_modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_its_room_may_know(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0] if len(relative.parts) > 1 else "core"
    if relative == Path("__init__.py"):
        room = "cli"  # the public API re-exports the run
    found = {
        f"{imported}: {reason}"
        for imported in find_imports(path)
        if (reason := forbidden_reason(room, imported))
    }
    assert not found


@pytest.mark.parametrize(
    ("room", "imported"),
    [
        ("read", "etl.transform.plan"),
        ("stage", "etl.ledger.store"),
        ("send", "etl.run.job"),
        ("core", "etl.job.model"),
        ("run", "etl.cli.run"),
        ("transform", "click"),
        ("run", "httpx"),
        ("report", "sqlite3"),
    ],
)
def test_a_wrong_import_is_noticed(room: str, imported: str) -> None:
    assert forbidden_reason(room, imported)
