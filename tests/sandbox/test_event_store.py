import asyncio
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import StateError
from etl.sandbox.event_store import Arrival, Attempt, Repeats, Store
from etl.sandbox.inspection import read_stats


def arrival(event_id: str, body: str = "{}") -> Arrival:
    return Arrival(event_id, "t", "message", 0, "1970-01-01T00:00:00Z", 1.0, body)


def attempt(event_id: str | None, status: int = 200, stored: bool = True) -> Attempt:
    return Attempt(event_id, status, None, stored, 0.0, 1.0)


def with_store(
    path: Path, use: Callable[[Store], Coroutine[Any, Any, Any]], repeats: Repeats = "replace"
) -> Any:
    async def run() -> Any:
        store = Store(path, repeats)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def put_all(store: Store, ids: list[str]) -> list[bool]:
    return list(await asyncio.gather(*[store.put(arrival(one), attempt(one)) for one in ids]))


@given(
    ids=st.lists(st.sampled_from("abcde"), max_size=30),
    repeats=st.sampled_from(["replace", "keep-both", "refuse"]),
)
def test_copies_and_attempts_are_counted_by_id(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], repeats: Repeats
) -> None:
    async def use(store: Store) -> tuple[list[bool], dict[str, Any], dict[str, int]]:
        taken = await put_all(store, ids)
        copies = "SELECT id, count(*) FROM events GROUP BY id"
        return (
            taken,
            await store.read(read_stats),
            await store.read(lambda connection: dict(connection.execute(copies).fetchall())),
        )

    taken, stats, copies = with_store(tmp_path_factory.mktemp("store") / "s.db", use, repeats)
    wanted = Counter(ids)
    assert copies == (wanted if repeats == "keep-both" else dict.fromkeys(wanted, 1))
    assert (stats["attempts"], stats["distinct_ids"]) == (len(ids), len(wanted))
    refused = len(ids) - len(wanted) if repeats == "refuse" else 0
    assert stats["resent"] == len(ids) - len(wanted) - refused
    assert taken.count(False) == refused
    assert stats["by_status"].get("409", 0) == refused


def test_a_read_sees_every_write_asked_for_before_it(tmp_path: Path) -> None:
    async def use(store: Store) -> int:
        for number in range(500):
            store.note(attempt(str(number), 503, stored=False))
        return int((await store.read(read_stats))["attempts"])

    assert with_store(tmp_path / "s.db", use) == 500


def test_an_existing_store_is_gone_on_from(tmp_path: Path) -> None:
    async def first(store: Store) -> None:
        await put_all(store, ["a", "b"])

    async def second(store: Store) -> dict[str, Any]:
        await put_all(store, ["b", "c"])
        return await store.read(read_stats)

    with_store(tmp_path / "s.db", first)
    stats = with_store(tmp_path / "s.db", second)
    assert (stats["attempts"], stats["stored"], stats["resent"]) == (4, 3, 1)


def test_a_repeat_with_other_bytes_is_counted_as_changed(tmp_path: Path) -> None:
    async def use(store: Store) -> dict[str, Any]:
        for body in ("{}", "{}", '{"a":1}'):
            await store.put(arrival("a", body), attempt("a"))
        return await store.read(read_stats)

    assert with_store(tmp_path / "s.db", use)["changed"] == 1


def test_the_store_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with_store(tmp_path / "s.db", lambda store: put_all(store, ["a"]))
    assert stat.S_IMODE((tmp_path / "s.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["text", "database", "folder", "missing folder"])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other"
    if kind == "text":
        path.write_text("a letter to a friend\n" * 100)
    elif kind == "database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
    elif kind == "folder":
        path.mkdir()
    else:
        path = path / "s.db"
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StateError, match="Expected a sandbox's store or no file yet"):
        Store(path)
    assert (path.read_bytes() if path.is_file() else None) == before
