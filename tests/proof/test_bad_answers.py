"""Whatever a destination answers to a query: one clear sentence, never a false *missing*, never a traceback."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from etl.sandbox.process import SandboxProcess
from etl.witness import inquiry
from tests.oddity import Change, Shown, as_it_is, showing
from tests.workbench import Said, call, delivered, row_of, write_rows

ROWS = 12
FAST = ("--patience", "0", "--rate", "max")
Rows = list[dict[str, Any]]


def of_rows(change: Callable[[Rows], Rows]) -> Change:
    """Change the results, and count them anew."""

    def changed(_: dict[str, Any], shown: Shown) -> Shown:
        rows = change(shown.data["result"])
        return Shown.of(shown.data | {"result": rows, "count": len(rows), "total": len(rows)})

    return changed


def saying(status: int, body: bytes = b"") -> Change:
    return lambda _, shown: Shown(status, body)


def with_data(**changes: Any) -> Change:
    """Change what is said of the results; None leaves it out."""

    def changed(_: dict[str, Any], shown: Shown) -> Shown:
        data = shown.data | changes
        return Shown.of({name: value for name, value in data.items() if value is not None})

    return changed


class Bad(NamedTuple):
    """A bad answer, why nothing can be told from it, and the exit code of what has to be told."""

    name: str
    change: Change
    reason: str
    code: int = 5


# Of these nothing can be told.
BAD = (
    Bad("write-only key", saying(403), "the key can't read: status 403", 6),
    Bad("unknown key", saying(401), "the key can't read: status 401", 6),
    Bad("no query route", saying(404, b"not found"), "the destination takes no queries: status 404"),
    Bad("another method", saying(405), "the destination takes no queries: status 405"),
    Bad("moved", saying(308), "the destination takes no queries: status 308"),
    Bad("HTML", saying(200, b"<html>Sign in</html>"), "expected JSON, found something else"),
    Bad("empty", saying(200), "expected JSON, found something else"),
    Bad("a list", saying(200, b"[]"), "expected a list of results, found none"),
    Bad("no data", saying(200, b'{"status": "ok"}'), "expected a list of results, found none"),
    Bad("no result", with_data(result=None), "expected a list of results, found none"),
    Bad(
        "no total", with_data(total=None), "expected how many results there are in all (`total`), found none"
    ),
    Bad(
        "a total that is none",
        with_data(total="12"),
        "expected how many results there are in all (`total`), found none",
    ),
    Bad("fewer in all than shown", with_data(total=3), "expected 12 results of 3, found 12"),
    Bad("miscounted", with_data(count=9), "expected 9 results of 12, found 12"),
    Bad(
        "a page of nothing",
        with_data(result=[], count=0, pageSize=0),
        "expected some of 12 results, found a page of none",
    ),
    Bad(
        "an id never asked for",
        of_rows(lambda rows: [*rows, rows[0] | {"id": "another"}]),
        "expected the events that were asked for, found another one",
    ),
    Bad(
        "results without ids",
        of_rows(lambda rows: [{"type": "x"} for _ in rows]),
        "expected an id in every result, found one without",
    ),
    Bad(
        "results that are no objects",
        of_rows(lambda rows: [1 for _ in rows]),  # type: ignore[misc]
        "expected an id in every result, found one without",
    ),
    Bad(
        "results that are no events",
        of_rows(lambda rows: [row | {"createdAt": "yesterday"} for row in rows]),
        "what is stored can't be read",
    ),
    Bad("not understood", saying(400, b"{}"), "the query was refused: status 400"),
    Bad("an odd success", saying(204), "expected status 200, found 204"),
)


def repeated(_: dict[str, Any], shown: Shown) -> Shown:
    """The same results twice, counted once."""
    return Shown.of(shown.data | {"result": 2 * shown.data["result"]})


TOLD = [*BAD, Bad("ids that come again", repeated, "expected 12 results of 12, found 24")]


class Bench(NamedTuple):
    """A job that is delivered to a destination whose answers `now` changes."""

    job: Path
    url: str
    now: list[Change]
    sandbox: SandboxProcess

    def call(self, command: str, change: Change, *options: str, keeps_state: bool = True) -> Said:
        state, marks = self.job.parent / ".backfill", self.job.parent / "marks"
        shutil.rmtree(self.job.parent / "state", ignore_errors=True)
        shutil.rmtree(marks, ignore_errors=True)
        if keeps_state:
            shutil.copytree(state, self.job.parent / "state")
        self.now[0] = change
        where = ("--endpoint", self.url, "--state-dir", self.job.parent / "state")
        return call(command, *where, *options, self.job)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "marks"))
        # That the waits between questions grow is tested elsewhere.
        patch.setattr(inquiry, "BACKOFF_SECONDS", (0.01,) * len(inquiry.BACKOFF_SECONDS))
        with opened(folder) as found:
            yield found


@contextmanager
def opened(folder: Path) -> Iterator[Bench]:
    now: list[Change] = [as_it_is]
    with (
        delivered(folder, rows=0) as (job, sandbox),
        showing(sandbox, lambda query, shown: now[0](query, shown)) as url,
    ):
        write_rows(folder / "log.csv", map(row_of, range(1, ROWS + 1)))
        ran = call("run", "--quiet", "--endpoint", url, job)
        assert ran.code == 0, ran.err
        yield Bench(job, url, now, sandbox)


def is_asking_for_ids(query: dict[str, Any]) -> bool:
    return "groupBy" not in query


def test_verify_says_why_nothing_can_be_told(bench: Bench) -> None:
    for bad in TOLD:
        found = bench.call("verify", bad.change, *FAST, "--json")
        assert "Traceback" not in found.err, bad.name
        said = json.loads(found.out)
        assert (found.code, said["missing"], said["confirmed"]) == (bad.code, 0, 0), bad.name
        assert bad.reason in said["message"], bad.name


def test_adopt_says_why_nothing_can_be_told_and_settles_nothing(bench: Bench) -> None:
    for bad in TOLD[::2]:
        found = bench.call("adopt", bad.change, *FAST, "--json", keeps_state=False)
        assert "Traceback" not in found.err, bad.name
        said = json.loads(found.out)
        assert (found.code, said["found"], said["absent"], said["pending"]) == (bad.code, 0, 0, ROWS), (
            bad.name
        )
        assert bad.reason in said["message"], bad.name


def test_a_canary_is_not_sent_where_it_can_not_be_asked_for(bench: Bench) -> None:
    sent = sum(1 for _ in bench.sandbox.attempts())
    for bad in (TOLD[0], TOLD[2], TOLD[5], TOLD[-1]):
        found = bench.call(
            "run", bad.change, "--overlap=send", "--canary", str(ROWS), "--json", keeps_state=False
        )
        assert "Traceback" not in found.err, bad.name
        said = json.loads(found.out)
        is_route = "takes no queries" in bad.reason
        assert (found.code, said["rows"]["pending"]) == (2 if is_route else bad.code, ROWS), bad.name
        assert bad.reason in said["message"], bad.name
        assert said["message"].endswith("; nothing was sent")
    assert sum(1 for _ in bench.sandbox.attempts()) == sent


def test_a_run_says_that_overlap_can_not_be_told_and_sends(bench: Bench) -> None:
    for bad in (TOLD[2], TOLD[10]):
        found = bench.call("run", bad.change, "--quiet", keeps_state=False)
        assert found.code == 0, found.err
        line = f"Whether some of it is at the destination already can't be told: {bad.reason}"
        assert line in found.out.splitlines(), bad.name


def test_an_event_that_someone_edited_is_altered_and_the_field_is_named(bench: Bench) -> None:
    edited = of_rows(lambda rows: [rows[0] | {"searchQuery": "mended by hand"}, *rows[1:]])

    def change(query: dict[str, Any], shown: Shown) -> Shown:
        return edited(query, shown) if is_asking_for_ids(query) else shown

    file = bench.job.parent / "d.csv"
    found = bench.call("verify", change, *FAST, "-o", str(file))
    assert found.code == 9
    assert found.out.splitlines()[0] == (
        "docs: 11 of 12 delivered events are at the destination, once each and as they were sent; 1 is not"
    )
    assert file.read_text().splitlines()[1].endswith(',searchQuery,"""what is 1?""","""mended by hand""",')
    found = bench.call("adopt", change, *FAST, keeps_state=False)
    assert found.code == 9
    assert 'searchQuery is "mended by hand", would be sent as "what is 1?"' in found.out + found.err


def test_what_someone_added_is_no_difference(bench: Bench) -> None:
    added = of_rows(lambda rows: [row | {"userProperties": {"team": "a"}} for row in rows])
    found = bench.call(
        "verify", lambda query, shown: added(query, shown) if is_asking_for_ids(query) else shown, *FAST
    )
    assert (found.code, found.err) == (0, "")


def test_a_server_that_asks_to_wait_for_a_day_is_not_waited_for(bench: Bench) -> None:
    tomorrow = ("retry-after", formatdate(time.time() + 86_400, usegmt=True))
    found = bench.call("verify", lambda _, shown: Shown(429, b"", (tomorrow,)), *FAST, "--json")
    said = json.loads(found.out)
    assert (found.code, said["missing"]) == (5, 0)
    # The server's date is of the second in which it answers.
    assert re.search(
        r": status 429, and it asks to wait 86,[34]\d\d s; of the events that are left", said["message"]
    )


def test_a_clock_of_the_server_that_differs_by_an_hour_makes_nobody_wait(bench: Bench) -> None:
    asked: list[int] = []
    ahead = time.time() + 3_600

    def change(_: dict[str, Any], shown: Shown) -> Shown:
        asked.append(1)
        headers = (
            ("date", formatdate(ahead, usegmt=True)),
            ("retry-after", formatdate(ahead + 1, usegmt=True)),
        )
        return Shown(429, b"", headers) if len(asked) == 1 else shown

    found = bench.call("verify", change, *FAST, "--json")
    said = json.loads(found.out)
    assert (found.code, said["confirmed"]) == (0, ROWS)
    assert said["elapsed_s"] < 30
