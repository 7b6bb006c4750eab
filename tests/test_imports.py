"""Imports go one way, from the command line down to values; libraries stay in their rooms; no two modules import each
other.

The floors below are those of `docs/architecture.md`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "etl"
# From the top down. A room knows the rooms on the floors below it, never one on its own floor or above.
FLOORS = (
    {"cli"},
    {"api", "doctor"},
    {"scaffold", "upload", "validation", "proof"},
    {"intake", "receipts"},
    {"state", "witness"},
    {"transform", "read", "watch", "ledger", "rejects", "stage", "send", "report"},
    {"guess", "job", "sandbox"},
    {"times"},
    {"values"},
    {"core"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
LIBRARIES = {
    "click": {"cli"},
    "httpx": {"core", "send", "read", "watch"},
    "certifi": {"core"},
    "pyreqwest": {"send"},
    "sqlite3": {"ledger", "sandbox"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "obstore": {"read"},
    "matplotlib": {"report"},
    "fastexcel": {"read"},
    "charset_normalizer": {"guess"},
    "opentelemetry": {"watch"},
}


def list_modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def find_imports(path: Path, *, also_late: bool = True) -> Iterator[str]:
    """Yield the modules that a file imports: when it is loaded, or where `also_late`, ever."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if also_late else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module


def room_of(module: str) -> str:
    """Return the first folder below `etl`; "api" for the public API, "core" for another module of the package's own."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1].startswith("api"):
        return "api"
    return parts[1] if (PACKAGE / parts[1]).is_dir() else "core"


def forbidden_reason(room: str, imported: str) -> str | None:
    top = imported.split(".")[0]
    if top != "etl":
        allowed = LIBRARIES.get(top)
        return f"{top} belongs in {sorted(allowed)}" if allowed and room not in allowed else None
    target = room_of(imported)
    if target == room or FLOOR[target] > FLOOR[room]:
        return None
    return f"`{target}` is not below `{room}`"


def test_the_floors_are_those_that_the_architecture_page_draws() -> None:
    page = (PACKAGE.parent / "docs/architecture.md").read_text(encoding="utf-8")
    drawing = page.partition("<!-- floors:")[2].partition("```text\n")[2].partition("```")[0]
    assert tuple(set(line.split(", ")) for line in drawing.splitlines()) == FLOORS


def test_every_room_has_its_floor() -> None:
    folders = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/__init__.py")}
    assert folders | {"api", "core"} == set(FLOOR)


@pytest.mark.parametrize("path", list_modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_its_room_may_know(path: Path) -> None:
    room = room_of(name_of(path))
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
        ("send", "etl.upload.run"),
        ("core", "etl.job.model"),
        ("upload", "etl.cli.run"),
        ("upload", "etl.proof.verify"),
        ("receipts", "etl.intake.staging"),
        ("transform", "click"),
        ("upload", "httpx"),
        ("report", "sqlite3"),
    ],
)
def test_a_wrong_import_is_noticed(room: str, imported: str) -> None:
    assert forbidden_reason(room, imported)


def test_no_modules_import_one_another() -> None:
    modules = {name_of(path): path for path in list_modules()}
    imports = {name: {one for one in find_imports(path) if one in modules} for name, path in modules.items()}
    left = dict(imports)
    # Whatever imports nothing that is left is taken away: what stays is in a circle, or above one.
    while ready := [name for name, names in left.items() if not names & left.keys() - {name}]:
        for name in ready:
            del left[name]
    circles = {name for name in left if _reaches(name, name, left)}
    assert not circles


def _reaches(start: str, wanted: str, imports: dict[str, set[str]]) -> bool:
    seen: set[str] = set()
    waiting = list(imports[start] & imports.keys() - {start})
    while waiting:
        name = waiting.pop()
        if name == wanted:
            return True
        if name not in seen:
            seen.add(name)
            waiting += imports[name] & imports.keys()
    return False
